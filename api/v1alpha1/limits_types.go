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
	// Trusted are the sources without limits: at most 64 prefixes such as
	// 192.0.2.0/24.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(r, isCIDR(r) && cidr(r) == cidr(r).masked())",message="spec.limits.trusted holds prefixes such as 192.0.2.0/24, no bits beyond their length set"
	// +listType=set
	// +optional
	Trusted []string `json:"trusted,omitempty"`
}
