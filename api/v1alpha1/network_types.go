package v1alpha1

// How phones reach the proxies, as Network.Mode has it.
const (
	NetworkModeService       = "Service"
	NetworkModeSharedAddress = "SharedAddress"
)

// SharedAddress is an IPv4 or IPv6 address that the nodes hold together.
//
// +kubebuilder:validation:MinLength=2
// +kubebuilder:validation:MaxLength=39
// +kubebuilder:validation:XValidation:rule="isIP(self) && ip.isCanonical(self) && ip(self).isGlobalUnicast()",message="spec.network.addresses holds addresses of hosts as they are usually written, such as 192.0.2.1 or 2001:db8::1: none of loopback, link-local or multicast"
type SharedAddress string

// Network is how packets come to the proxies, and where theirs come from.
//
// +kubebuilder:validation:XValidation:rule="self.mode == 'SharedAddress' || !has(self.addresses)",message="spec.network.addresses needs mode SharedAddress: set it, or remove them"
type Network struct {
	// Mode is Service (default) or SharedAddress. With Service each pod has an
	// address of its own, and the Service translates that of the cluster into it.
	// With SharedAddress the pods run on their nodes' network, one a node, each
	// of these nodes holds the cluster's address while its proxy runs, and what the
	// proxies send comes from it: any of them hears the answers to what another has
	// sent, so the calls that ring on a node that dies go on. Something has
	// to bring the address to the nodes, by the Service's EndpointSlices: MetalLB,
	// Cilium's BGP, a router. The namespace needs the label
	// pod-security.kubernetes.io/enforce: privileged. It can change at spec.replicas 0
	// only.
	// +kubebuilder:default=Service
	// +kubebuilder:validation:Enum=Service;SharedAddress
	// +optional
	Mode string `json:"mode,omitempty"`
	// Addresses are the cluster's, with mode SharedAddress: one, or one of each
	// family. Default: what the load balancer has assigned to the Service, for which
	// the pods wait. A change rolls the pods one at a time.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:XValidation:rule="self.size() < 2 || !isIP(self[0]) || !isIP(self[1]) || ip(self[0]).family() != ip(self[1]).family()",message="spec.network.addresses has two of one family: one of each is the most"
	// +listType=atomic
	// +optional
	Addresses []SharedAddress `json:"addresses,omitempty"`
}
