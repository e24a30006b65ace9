package v1alpha1

// LocalApp is an application that takes calls beside each proxy, in its pod: a PBX, a
// conference or voicemail server. Its container stands in spec.template.spec.containers.
// A call for one of its users goes to the application beside the home of that
// address-of-record.
//
// +kubebuilder:validation:XValidation:rule="self.port != self.proxyPort",message="spec.localApp: port, the application's, and proxyPort (default 5060), the proxy's for it, are both at 127.0.0.1: give each its own"
type LocalApp struct {
	// Port at 127.0.0.1 at which the application takes SIP: 1 to 65535, and none of those
	// of spec.listeners or spec.ports that the same protocol carries.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +required
	Port int32 `json:"port"`
	// Protocol of SIP between the proxy and the application: UDP (default) or TCP.
	// +kubebuilder:default=UDP
	// +kubebuilder:validation:Enum=UDP;TCP
	// +optional
	Protocol string `json:"protocol,omitempty"`
	// ProxyPort at 127.0.0.1 at which the proxy takes SIP from the application, by the
	// same protocol: the outbound proxy to set in it. 1 to 65535, default 5060.
	// Listeners are at the pod's address, and may have the same port.
	// +kubebuilder:default=5060
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	ProxyPort int32 `json:"proxyPort,omitempty"`
	// Users is a regular expression (RE2) which the whole user part of an
	// address-of-record of the application's users matches, such as conf-[0-9]+: at most
	// 512 characters. Default: any.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="''.matches('^(?:' + self + ')$') in [true, false]",message="spec.localApp.users is no regular expression (RE2)"
	// +optional
	Users string `json:"users,omitempty"`
	// Domains of the application's users, of spec.domains: at most 64. Default: all of
	// them.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +listType=set
	// +optional
	Domains []string `json:"domains,omitempty"`
	// When a call for one of its users goes to the application: Always (default),
	// whatever is registered; Unregistered: where nothing is; NoAnswer: also after no
	// contact has answered, as voicemail asks.
	// +kubebuilder:default=Always
	// +kubebuilder:validation:Enum=Always;Unregistered;NoAnswer
	// +optional
	When string `json:"when,omitempty"`
	// NoAnswerSeconds is how long contacts may ring before the application gets the call,
	// where when is NoAnswer: 1 to 600 seconds, default 20.
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=600
	// +optional
	NoAnswerSeconds int32 `json:"noAnswerSeconds,omitempty"`
	// Health says how each proxy finds out whether its application serves.
	// +kubebuilder:default={check: "Options", periodMilliseconds: 1000, failures: 3}
	// +optional
	Health LocalAppHealth `json:"health,omitempty"`
	// Unavailable is what becomes of a call whose application does not serve. NextOwner
	// (default): the application beside the next owner of the address-of-record gets it.
	// Reject: it is answered 503 with Retry-After. Where none serves, it is in either case.
	// +kubebuilder:default=NextOwner
	// +kubebuilder:validation:Enum=NextOwner;Reject
	// +optional
	Unavailable string `json:"unavailable,omitempty"`
	// RetryAfterSeconds of that 503: 1 to 3600 seconds, default 5.
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	// +optional
	RetryAfterSeconds int32 `json:"retryAfterSeconds,omitempty"`
	// PinSeconds is for how long after the last call of an address-of-record at an
	// application has ended new ones still go there, though the ring has another by now:
	// 0 to 86400 seconds, default 30. While there are calls they do in any case.
	// +kubebuilder:default=30
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	// +optional
	PinSeconds *int32 `json:"pinSeconds,omitempty"`
	// Original is how the application is told of the Request-URI that a call came with:
	// None (default), as it stands in the request; HistoryInfo (RFC 7044); Header
	// (X-Original-Request-URI).
	// +kubebuilder:default=None
	// +kubebuilder:validation:Enum=None;HistoryInfo;Header
	// +optional
	Original string `json:"original,omitempty"`
}

// LocalAppHealth is how a proxy looks after its application.
type LocalAppHealth struct {
	// Check is Options (default: an OPTIONS that is answered, but with 408, 500, 503 or
	// 504), TCP (a connection that is taken) or None (it serves until a call finds it
	// refusing).
	// +kubebuilder:default=Options
	// +kubebuilder:validation:Enum=Options;TCP;None
	// +optional
	Check string `json:"check,omitempty"`
	// PeriodMilliseconds between two checks, and for how long an answer may take: 100 to
	// 60000 milliseconds, default 1000.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=60000
	// +optional
	PeriodMilliseconds int32 `json:"periodMilliseconds,omitempty"`
	// Failures in a row after which the application does not serve: 1 to 20, default 3.
	// After two successes in a row it does again. A refused connection counts for all.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=20
	// +optional
	Failures int32 `json:"failures,omitempty"`
}

// ConditionApplicationsReady is there with spec.localApp: True while the applications
// beside all members of the ring serve, as the proxies report, Unknown while some do not
// say. It is apart from Ready and Degraded: phones are served without applications.
const ConditionApplicationsReady = "ApplicationsReady"

// Reasons of ConditionApplicationsReady.
const (
	// ReasonAllServe: the application beside each member of the ring serves.
	ReasonAllServe = "AllServe"
	// ReasonSomeDown: some do not serve, and others get their calls.
	ReasonSomeDown = "SomeDown"
	// ReasonNoneServes: calls for their users are answered 503.
	ReasonNoneServes = "NoneServes"
	// ReasonNotReported: of those that are known all serve, and some proxies do not say.
	ReasonNotReported = "NotReported"
)

// EventApplicationsReady of a SIPCluster: all applications serve again. That some do not
// is an Event with the condition's reason.
const EventApplicationsReady = "ApplicationsReady"
