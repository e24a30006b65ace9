package desired

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

	"github.com/sipring/sipring/api/v1alpha1"
)

// Names of the ports that are no listeners'.
const (
	portPeer   = "peer"
	portHealth = "health"
	portAdmin  = "admin"
)

// ClientServices are those that phones use.
type ClientServices struct {
	// Main is of all listeners, or of those of UDP; nil where there is none.
	Main *corev1.Service
	// TCP is of the others, where these have one of their own (Separate); nil where there
	// is none.
	TCP *corev1.Service
}

// of is the Service of a listener. It may be nil.
func (s ClientServices) of(c *v1alpha1.SIPCluster, l v1alpha1.Listener) *corev1.Service {
	if Separate(c) && l4(l) == corev1.ProtocolTCP {
		return s.TCP
	}
	return s.Main
}

// Separate says that what TCP carries has a Service of its own.
func Separate(c *v1alpha1.SIPCluster) bool {
	carries := func(protocol corev1.Protocol) bool {
		return slices.ContainsFunc(Listeners(c), func(l v1alpha1.Listener) bool { return l4(l) == protocol })
	}
	return c.Spec.Service.ProtocolPolicy == v1alpha1.ProtocolPolicySeparate && carries(corev1.ProtocolUDP) && carries(corev1.ProtocolTCP)
}

// ClientService is what phones use. It has no selector: its EndpointSlices are
// the operator's.
func ClientService(c *v1alpha1.SIPCluster) *corev1ac.ServiceApplyConfiguration {
	return clientService(c, ClientServiceName(c.Name), func(l v1alpha1.Listener) bool {
		return !Separate(c) || l4(l) == corev1.ProtocolUDP
	})
}

// TCPService is the second one, of what TCP carries; nil where there is none.
func TCPService(c *v1alpha1.SIPCluster) *corev1ac.ServiceApplyConfiguration {
	if !Separate(c) {
		return nil
	}
	return clientService(c, TCPServiceName(c.Name), func(l v1alpha1.Listener) bool { return l4(l) == corev1.ProtocolTCP })
}

func clientService(c *v1alpha1.SIPCluster, name string, has func(v1alpha1.Listener) bool) *corev1ac.ServiceApplyConfiguration {
	return owned(corev1ac.Service(name, c.Namespace), c).
		WithLabels(c.Spec.Service.Labels).
		WithLabels(Labels(c.Name)).
		WithLabels(serviceLabels(c)).
		WithAnnotations(c.Spec.Service.Annotations).
		WithSpec(clientServiceSpec(c, has))
}

func clientServiceSpec(c *v1alpha1.SIPCluster, has func(v1alpha1.Listener) bool) *corev1ac.ServiceSpecApplyConfiguration {
	s := c.Spec.Service
	spec := corev1ac.ServiceSpec().
		WithType(serviceType(c)).
		WithIPFamilies(s.IPFamilies...).
		WithLoadBalancerSourceRanges(s.LoadBalancerSourceRanges...)
	for _, l := range Listeners(c) {
		if has(l) {
			spec.WithPorts(listenerServicePort(l))
		}
	}
	if serviceType(c) != corev1.ServiceTypeClusterIP {
		spec.WithExternalTrafficPolicy(cmp.Or(s.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyLocal))
	}
	// Left out, one that is there would stay as it is.
	spec.WithIPFamilyPolicy(ptr.Deref(s.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack))
	spec.TrafficDistribution = s.TrafficDistribution
	spec.InternalTrafficPolicy = s.InternalTrafficPolicy
	spec.AllocateLoadBalancerNodePorts = s.AllocateLoadBalancerNodePorts
	if SharesAddress(c) && serviceType(c) == corev1.ServiceTypeLoadBalancer && s.AllocateLoadBalancerNodePorts == nil {
		spec.WithAllocateLoadBalancerNodePorts(false) // nobody would serve them
	}
	spec.LoadBalancerClass = s.LoadBalancerClass
	return spec
}

func serviceType(c *v1alpha1.SIPCluster) corev1.ServiceType {
	if c.Spec.Service.Type == "" {
		return corev1.ServiceTypeClusterIP
	}
	return c.Spec.Service.Type
}

// PeerService gives every pod a name, ready or not.
func PeerService(c *v1alpha1.SIPCluster) *corev1ac.ServiceApplyConfiguration {
	p := c.Spec.Ports
	return owned(corev1ac.Service(PeerServiceName(c.Name), c.Namespace), c).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithClusterIP(corev1.ClusterIPNone).
			WithPublishNotReadyAddresses(true).
			WithSelector(SelectorLabels(c.Name)).
			WithPorts(
				servicePort(portPeer, corev1.ProtocolTCP, p.Peer),
				servicePort(portAdmin, corev1.ProtocolTCP, p.Admin)))
}

func servicePort(name string, protocol corev1.Protocol, port int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().WithName(name).WithProtocol(protocol).WithPort(port).WithTargetPort(intstr.FromInt32(port))
}

// WaitsForAddress is the name of a Service to which the load balancer has assigned no
// address; empty where there is none.
func WaitsForAddress(c *v1alpha1.SIPCluster, services ClientServices) string {
	waits := func(service *corev1.Service) bool {
		return serviceType(c) == corev1.ServiceTypeLoadBalancer && (service == nil || len(service.Status.LoadBalancer.Ingress) == 0)
	}
	switch {
	case waits(services.Main):
		return ClientServiceName(c.Name)
	case Separate(c) && waits(services.TCP):
		return TCPServiceName(c.Name)
	}
	return ""
}
