package v1alpha1

import corev1 "k8s.io/api/core/v1"

// Whether UDP and what TCP carries share a Service, as ServiceTemplate.ProtocolPolicy has it.
const (
	ProtocolPolicyMixed    = "Mixed"
	ProtocolPolicySeparate = "Separate"
)

// ServiceTemplate is what the client-facing Service is made from. Its endpoints
// are the operator's, not a selector's, so that a dead proxy leaves traffic as
// soon as it is known. Its ports are spec.listeners.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'ClusterIP' || !has(self.externalTrafficPolicy)",message="spec.service.externalTrafficPolicy has no meaning for type ClusterIP: remove it, or set type LoadBalancer or NodePort"
// +kubebuilder:validation:XValidation:rule="self.type == 'LoadBalancer' || (!has(self.loadBalancerClass) && !has(self.loadBalancerSourceRanges) && !has(self.allocateLoadBalancerNodePorts))",message="spec.service.loadBalancerClass, loadBalancerSourceRanges and allocateLoadBalancerNodePorts need type LoadBalancer: set it, or remove them"
// +kubebuilder:validation:XValidation:rule="self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || (has(self.loadBalancerClass) == has(oldSelf.loadBalancerClass) && (!has(self.loadBalancerClass) || self.loadBalancerClass == oldSelf.loadBalancerClass))",message="spec.service.loadBalancerClass cannot be changed, set or removed while the Service is a LoadBalancer: set type ClusterIP first"
// +kubebuilder:validation:XValidation:rule="!has(self.ipFamilies) || self.ipFamilies.size() < 2 || (has(self.ipFamilyPolicy) && self.ipFamilyPolicy != 'SingleStack')",message="spec.service.ipFamilies has two families: set ipFamilyPolicy PreferDualStack or RequireDualStack, or remove one"
// +kubebuilder:validation:XValidation:rule="!has(self.ipFamilies) || !has(oldSelf.ipFamilies) || self.ipFamilies[0] == oldSelf.ipFamilies[0]",message="spec.service.ipFamilies: the first family cannot change: create a new SIPCluster"
// +kubebuilder:validation:XValidation:rule="!has(self.protocolPolicy) || self.protocolPolicy != 'Separate' || !has(self.ipFamilyPolicy) || self.ipFamilyPolicy == 'SingleStack'",message="spec.service.protocolPolicy Separate has two Services, whose second addresses no phone could be told: set ipFamilyPolicy SingleStack, or protocolPolicy Mixed"
type ServiceTemplate struct {
	// Labels are added to the Service, at most 64. The operator's own labels win.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.service.labels: a key is a name such as team or example.com/team"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the Service, for the load balancer's own settings, an
	// address asked for among them: at most 64.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="spec.service.annotations: a key is a name such as note or example.com/note"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Type is ClusterIP (default: nothing is exposed outside of Kubernetes),
	// NodePort (a port of the nodes; needs advertise in spec.listeners) or
	// LoadBalancer.
	// +kubebuilder:default=ClusterIP
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// LoadBalancerClass, such as service.k8s.aws/nlb, chooses the load balancer.
	// Default: the one that Kubernetes has for Services without a class. While the type stays
	// LoadBalancer it cannot be changed, set or removed: Kubernetes refuses it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	LoadBalancerClass *string `json:"loadBalancerClass,omitempty"`
	// ProtocolPolicy is Mixed (default: one Service for all listeners) or Separate, for
	// load balancers that do not take UDP and TCP in one Service: where there are listeners
	// of both, those that TCP carries are at a second Service, of the name with -tcp behind
	// it, with an address of its own.
	// +kubebuilder:validation:Enum=Mixed;Separate
	// +optional
	ProtocolPolicy string `json:"protocolPolicy,omitempty"`
	// IPFamilies of the Service: IPv4, IPv6 or both, the one that phones mostly
	// use first. The first cannot change. Default: Kubernetes' own first family.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:Enum=IPv4;IPv6
	// +kubebuilder:validation:XValidation:rule="self.all(f, self.exists_one(g, g == f))",message="spec.service.ipFamilies names a family twice"
	// +listType=atomic
	// +optional
	IPFamilies []corev1.IPFamily `json:"ipFamilies,omitempty"`
	// IPFamilyPolicy is SingleStack, PreferDualStack (both families where
	// Kubernetes has them) or RequireDualStack. Default: SingleStack.
	// +kubebuilder:validation:Enum=SingleStack;PreferDualStack;RequireDualStack
	// +optional
	IPFamilyPolicy *corev1.IPFamilyPolicy `json:"ipFamilyPolicy,omitempty"`
	// TrafficDistribution says which proxies traffic from inside Kubernetes
	// prefers: PreferClose or PreferSameZone, those of the client's zone, or
	// PreferSameNode, as far as this Kubernetes knows the word. Default: none.
	// +kubebuilder:validation:Enum=PreferClose;PreferSameZone;PreferSameNode
	// +optional
	TrafficDistribution *string `json:"trafficDistribution,omitempty"`
	// InternalTrafficPolicy is Cluster (default) or Local: traffic from inside
	// Kubernetes stays on its node, and is lost where that runs no proxy.
	// +kubebuilder:validation:Enum=Cluster;Local
	// +optional
	InternalTrafficPolicy *corev1.ServiceInternalTrafficPolicy `json:"internalTrafficPolicy,omitempty"`
	// ExternalTrafficPolicy is Local (default: the proxies see the phones'
	// addresses, and nodes without a proxy get no traffic) or Cluster (every
	// node takes traffic, and proxies see nodes' addresses instead).
	// +kubebuilder:validation:Enum=Local;Cluster
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
	// AllocateLoadBalancerNodePorts is false where the load balancer reaches the
	// pods without ports of the nodes. Default: true.
	// +optional
	AllocateLoadBalancerNodePorts *bool `json:"allocateLoadBalancerNodePorts,omitempty"`
	// LoadBalancerSourceRanges limits who may reach the load balancer: at most
	// 64 prefixes such as 192.0.2.0/24. Default: everybody.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(r, isCIDR(r))",message="spec.service.loadBalancerSourceRanges holds prefixes such as 192.0.2.0/24"
	// +listType=set
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
}
