package v1alpha1

// Limits bound what one source may cause at each proxy: an IPv4 address, or the /64
// of an IPv6 address. What is above them is dropped. Where one address stands for
// many phones (a NAT, a trunk, a node with externalTrafficPolicy Cluster), it is one
// source.
type Limits struct {
	// NewPerSecond is how much of what is new a source may begin each second:
	// requests out of dialog, and registrations that are no refreshes of ones made
	// from there. Ten seconds' worth may come at once. 1 to 1000000, default 500.
	// +kubebuilder:default=500
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	NewPerSecond int32 `json:"newPerSecond,omitempty"`
	// MessagesPerSecond is how many messages of a source are read each second, of
	// any kind. Two seconds' worth may come at once. 1 to 1000000, default
	// 20000.
	// +kubebuilder:default=20000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MessagesPerSecond int32 `json:"messagesPerSecond,omitempty"`
	// Connections bound those over TCP, TLS, WS and WSS at each listener.
	// +kubebuilder:default={total: 20000, perSource: 2000, newPerSecond: 100}
	// +optional
	Connections ConnectionLimits `json:"connections,omitempty"`
	// Trusted are the sources without limits: at most 64 prefixes such as
	// 192.0.2.0/24. Of connections only connections.total counts for them.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(r, isCIDR(r) && cidr(r) == cidr(r).masked())",message="spec.limits.trusted holds prefixes such as 192.0.2.0/24, no bits beyond their length set"
	// +listType=set
	// +optional
	Trusted []string `json:"trusted,omitempty"`
}

// ConnectionLimits bound the connections at each listener of each proxy. One too many
// takes the place of another: of the oldest of its own source, or of the source that has
// the most, phones that are registered last.
type ConnectionLimits struct {
	// Total is how many there may be: 1 to 1000000, default 20000. The proxies need
	// memory and file descriptors for them.
	// +kubebuilder:default=20000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Total int32 `json:"total,omitempty"`
	// PerSource is how many of them may be of one source: 1 to 1000000, default 2000.
	// More than total means no bound of its own.
	// +kubebuilder:default=2000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	PerSource int32 `json:"perSource,omitempty"`
	// NewPerSecond is how many a source may begin each second in the long run. As many
	// as it may have may come at once, or as a second's if that is more. 1 to 1000000,
	// default 100.
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	NewPerSecond int32 `json:"newPerSecond,omitempty"`
}
