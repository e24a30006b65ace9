package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// Domain is a host name or an IP address as it stands in a SIP URI.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$') || self.matches('^\\\\[[0-9A-Fa-f:.]+\\\\]$')",message="spec.domains holds the host part of SIP addresses, such as example.com, 192.0.2.1 or [2001:db8::1]: no scheme, user, port or wildcard"
// +kubebuilder:validation:XValidation:rule="!self.matches('^(.*[.])?[0-9]+$') || (isIP(self) && !ip(self).isUnspecified())",message="spec.domains: what ends in a number must be the IPv4 address of a host, such as 192.0.2.1"
// +kubebuilder:validation:XValidation:rule="!self.startsWith('[') || (isIP(self.find('[0-9A-Fa-f:.]+')) && ip(self.find('[0-9A-Fa-f:.]+')).family() == 6 && !ip(self.find('[0-9A-Fa-f:.]+')).isUnspecified())",message="spec.domains: between brackets must be the IPv6 address of a host, such as [2001:db8::1]"
type Domain string

// Alias is a host, or host:port, under which the cluster is reached.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=259
// +kubebuilder:validation:XValidation:rule="self.matches('^(([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?$')",message="spec.aliases holds hosts or host:port such as sip.example.com, 203.0.113.5:5060 or [2001:db8::1]:5060: no scheme, user or wildcard"
// +kubebuilder:validation:XValidation:rule="!self.matches('^([^:]*[.])?[0-9]+(:[0-9]+)?$') || (isIP(self.find('^[^:]+')) && !ip(self.find('^[^:]+')).isUnspecified())",message="spec.aliases: a host that ends in a number must be the IPv4 address that phones use, such as 203.0.113.5"
// +kubebuilder:validation:XValidation:rule="!self.startsWith('[') || (isIP(self.find('[0-9A-Fa-f:.]+')) && ip(self.find('[0-9A-Fa-f:.]+')).family() == 6 && !ip(self.find('[0-9A-Fa-f:.]+')).isUnspecified())",message="spec.aliases: between brackets must be the IPv6 address that phones use, such as [2001:db8::1]"
// +kubebuilder:validation:XValidation:rule="!self.matches(':[0-9]{1,5}$') || (int(self.split(':')[self.split(':').size() - 1]) >= 1 && int(self.split(':')[self.split(':').size() - 1]) <= 65535)",message="spec.aliases: the port after ':' must be 1 to 65535"
type Alias string

// Ports of the proxies among themselves and for the operator.
//
// +kubebuilder:validation:XValidation:rule="self.peer != self.health && self.peer != self.admin && self.health != self.admin",message="spec.ports: peer, health and admin need three different ports (defaults 7947, 7948 and 9090)"
type Ports struct {
	// Peer is the TCP port of the streams between proxies: 1 to 65535, default
	// 7947. It cannot change.
	// +kubebuilder:default=7947
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.ports.peer cannot change: old and new proxies would not find each other during the update; create a new SIPCluster"
	// +optional
	Peer int32 `json:"peer,omitempty"`
	// Health is the HTTP port at which the kubelet asks whether a proxy lives and
	// is ready: 1 to 65535, default 7948.
	// +kubebuilder:default=7948
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Health int32 `json:"health,omitempty"`
	// Admin is the HTTP port of metrics, status and events: 1 to 65535, default
	// 9090.
	// +kubebuilder:default=9090
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Admin int32 `json:"admin,omitempty"`
}

// Ring holds the parameters of the hash ring.
type Ring struct {
	// Partitions of the hash circle: 64 to 131072, default 16384. They cannot
	// change: every proxy must cut the circle alike, and bindings live by it.
	// +kubebuilder:default=16384
	// +kubebuilder:validation:Minimum=64
	// +kubebuilder:validation:Maximum=131072
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="spec.ring.partitions cannot change: proxies that cut the ring differently would lose each other's bindings; create a new SIPCluster and move the phones"
	// +optional
	Partitions int32 `json:"partitions,omitempty"`
	// Replicas is how many proxies hold each binding: 1 to 5, default 2. One
	// less may fail at once without loss.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=5
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
}

// Registrar bounds registrations (RFC 3261 10.3).
//
// +kubebuilder:validation:XValidation:rule="self.minExpiresSeconds <= self.maxExpiresSeconds",message="spec.registrar: minExpiresSeconds (default 60) must not be above maxExpiresSeconds (default 3600): set both"
// +kubebuilder:validation:XValidation:rule="!has(self.defaultExpiresSeconds) || (self.minExpiresSeconds <= self.defaultExpiresSeconds && self.defaultExpiresSeconds <= self.maxExpiresSeconds)",message="spec.registrar: defaultExpiresSeconds must lie between minExpiresSeconds (default 60) and maxExpiresSeconds (default 3600)"
type Registrar struct {
	// MinExpiresSeconds: a request for less is answered 423 with Min-Expires. 1 to
	// 604800 seconds, default 60.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	MinExpiresSeconds int32 `json:"minExpiresSeconds,omitempty"`
	// MaxExpiresSeconds: a request for more is granted this. 1 to 604800 seconds,
	// which are a week; default 3600.
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	MaxExpiresSeconds int32 `json:"maxExpiresSeconds,omitempty"`
	// DefaultExpiresSeconds is granted where the request names none. 1 to 604800
	// seconds, default 3600, or the nearer of the other two where that lies
	// outside them.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	DefaultExpiresSeconds *int32 `json:"defaultExpiresSeconds,omitempty"`
	// MaxContacts is the most bindings one address-of-record may hold: 1 to 60,
	// default 10. The oldest make room for another, those of its +sip.instance
	// first. One REGISTER for more is answered 403.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60
	// +optional
	MaxContacts int32 `json:"maxContacts,omitempty"`
}

// PodTemplate overrides parts of the pods' template.
type PodTemplate struct {
	// Labels are added to the pods, at most 64. The operator's own labels win.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.template.labels: a key is a name such as team or example.com/team"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are added to the pods, at most 64. The operator's own
	// annotations win.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.template.annotations: a key is a name such as note or example.com/note"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Spec is a pod's spec in part: nodeSelector, tolerations, affinity,
	// imagePullSecrets, the resources of the container proxy, more containers,
	// hostNetwork and so on (kubectl explain pod.spec). An unknown field
	// shows as the condition Degraded with the reason InvalidTemplate.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	Spec *runtime.RawExtension `json:"spec,omitempty"`
}
