package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
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

// ProtocolUDP is the only transport served so far.
const ProtocolUDP = "UDP"

// Transport is one way to reach the cluster.
type Transport struct {
	// Protocol is UDP, the only one so far.
	// +kubebuilder:validation:MaxLength=8
	// +kubebuilder:validation:XValidation:rule="self == 'UDP'",message="only protocol UDP is served so far: TCP, TLS, WS and WSS come with a later release"
	// +required
	Protocol string `json:"protocol"`
	// Port of the Service and of the pods: 1 to 65535, default 5060.
	// +kubebuilder:default=5060
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// NodePort, 1 to 65535, is the port at which nodes pass traffic on to the
	// Service, whose type must be NodePort or LoadBalancer. It must lie in the
	// API server's range, usually 30000 to 32767. Default: Kubernetes chooses
	// one of these.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	NodePort *int32 `json:"nodePort,omitempty"`
}

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

// Service is the client-facing Service. Its endpoints are the operator's, not a
// selector's, so that a dead proxy leaves traffic as soon as it is known.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'ClusterIP' || !has(self.externalTrafficPolicy)",message="spec.service.externalTrafficPolicy has no meaning for type ClusterIP: remove it, or set type LoadBalancer or NodePort"
// +kubebuilder:validation:XValidation:rule="self.type == 'LoadBalancer' || (!has(self.loadBalancerIP) && !has(self.loadBalancerClass) && !has(self.loadBalancerSourceRanges))",message="spec.service.loadBalancerIP, loadBalancerClass and loadBalancerSourceRanges need type LoadBalancer: set it, or remove them"
// +kubebuilder:validation:XValidation:rule="self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || (has(self.loadBalancerClass) == has(oldSelf.loadBalancerClass) && (!has(self.loadBalancerClass) || self.loadBalancerClass == oldSelf.loadBalancerClass))",message="spec.service.loadBalancerClass cannot be changed, set or removed while the Service is a LoadBalancer: set type ClusterIP first"
type Service struct {
	// Type is ClusterIP (default: nothing is exposed outside of Kubernetes),
	// NodePort (a port of the nodes; needs spec.network.advertise) or
	// LoadBalancer.
	// +kubebuilder:default=ClusterIP
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// Annotations of the Service, for the load balancer's own settings: at most
	// 64.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// ExternalTrafficPolicy is Local (default: the proxies see the phones'
	// addresses, and nodes without a proxy get no traffic) or Cluster (every
	// node takes traffic, and proxies see nodes' addresses instead).
	// +kubebuilder:validation:Enum=Local;Cluster
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
	// LoadBalancerIP asks a load balancer that honours it for this address.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="spec.service.loadBalancerIP is not an IP address such as 192.0.2.1"
	// +optional
	LoadBalancerIP *string `json:"loadBalancerIP,omitempty"`
	// LoadBalancerClass, such as service.k8s.aws/nlb, chooses the load balancer.
	// Default: the one that Kubernetes has for Services without a class. While the type stays
	// LoadBalancer it cannot be changed, set or removed: Kubernetes refuses it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	LoadBalancerClass *string `json:"loadBalancerClass,omitempty"`
	// LoadBalancerSourceRanges limits who may reach the load balancer: at most
	// 64 prefixes such as 192.0.2.0/24. Default: everybody.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(r, isCIDR(r))",message="spec.service.loadBalancerSourceRanges holds prefixes such as 192.0.2.0/24"
	// +listType=set
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
}

// Network says which address stands for the cluster.
type Network struct {
	// Advertise is the host or host:port that Via and Record-Route name, such as
	// sip.example.com or 203.0.113.5:5060. Default: the load balancer's address,
	// else the Service's cluster IP. Without a port: that of the transport.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=259
	// +kubebuilder:validation:XValidation:rule="self.matches('^(([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?[.])*[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?|\\\\[[0-9A-Fa-f:.]+\\\\])(:[0-9]{1,5})?$')",message="spec.network.advertise is a host or host:port such as sip.example.com, 203.0.113.5:5060 or [2001:db8::1]:5060"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([^:]*[.])?[0-9]+(:[0-9]+)?$') || (isIP(self.find('^[^:]+')) && !ip(self.find('^[^:]+')).isUnspecified())",message="spec.network.advertise: a host that ends in a number must be the IPv4 address that phones use, such as 203.0.113.5"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('[') || (isIP(self.find('[0-9A-Fa-f:.]+')) && ip(self.find('[0-9A-Fa-f:.]+')).family() == 6 && !ip(self.find('[0-9A-Fa-f:.]+')).isUnspecified())",message="spec.network.advertise: between brackets must be the IPv6 address that phones use, such as [2001:db8::1]"
	// +kubebuilder:validation:XValidation:rule="!self.matches(':[0-9]{1,5}$') || (int(self.split(':')[self.split(':').size() - 1]) >= 1 && int(self.split(':')[self.split(':').size() - 1]) <= 65535)",message="spec.network.advertise: the port after ':' must be 1 to 65535"
	// +optional
	Advertise *string `json:"advertise,omitempty"`
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

// Registrar bounds registrations (RFC 3261 10.3). Seconds.
//
// +kubebuilder:validation:XValidation:rule="self.minExpires <= self.maxExpires",message="spec.registrar: minExpires (default 60) must not be above maxExpires (default 3600): set both"
// +kubebuilder:validation:XValidation:rule="!has(self.defaultExpires) || (self.minExpires <= self.defaultExpires && self.defaultExpires <= self.maxExpires)",message="spec.registrar: defaultExpires must lie between minExpires (default 60) and maxExpires (default 3600)"
type Registrar struct {
	// MinExpires: a request for less is answered 423 with Min-Expires. 1 to
	// 604800 seconds, default 60.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	MinExpires int32 `json:"minExpires,omitempty"`
	// MaxExpires: a request for more is granted this. 1 to 604800 seconds,
	// which are a week; default 3600.
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	MaxExpires int32 `json:"maxExpires,omitempty"`
	// DefaultExpires is granted where the request names none. 1 to 604800
	// seconds, default 3600, or the nearer of the other two where that lies
	// outside them.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	DefaultExpires *int32 `json:"defaultExpires,omitempty"`
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
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are added to the pods, at most 64. The operator's own
	// annotations win.
	// +kubebuilder:validation:MaxProperties=64
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
