package desired

import (
	"cmp"

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

// ClientService is what phones use. It has no selector: its EndpointSlices are
// the operator's.
func ClientService(c *v1alpha1.SIPCluster) *corev1ac.ServiceApplyConfiguration {
	return owned(corev1ac.Service(ClientServiceName(c.Name), c.Namespace), c).
		WithLabels(c.Spec.Service.Labels).
		WithLabels(Labels(c.Name)).
		WithAnnotations(c.Spec.Service.Annotations).
		WithSpec(clientServiceSpec(c))
}

func clientServiceSpec(c *v1alpha1.SIPCluster) *corev1ac.ServiceSpecApplyConfiguration {
	s := c.Spec.Service
	spec := corev1ac.ServiceSpec().
		WithType(serviceType(c)).
		WithIPFamilies(s.IPFamilies...).
		WithLoadBalancerSourceRanges(s.LoadBalancerSourceRanges...)
	for _, l := range Listeners(c) {
		spec.WithPorts(listenerServicePort(l))
	}
	if serviceType(c) != corev1.ServiceTypeClusterIP {
		spec.WithExternalTrafficPolicy(cmp.Or(s.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyLocal))
	}
	// Left out, one that is there would stay as it is.
	spec.WithIPFamilyPolicy(ptr.Deref(s.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack))
	spec.TrafficDistribution = s.TrafficDistribution
	spec.InternalTrafficPolicy = s.InternalTrafficPolicy
	spec.AllocateLoadBalancerNodePorts = s.AllocateLoadBalancerNodePorts
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

// WaitsForAddress says that the load balancer has assigned no address.
func WaitsForAddress(c *v1alpha1.SIPCluster, service *corev1.Service) bool {
	return serviceType(c) == corev1.ServiceTypeLoadBalancer && (service == nil || len(service.Status.LoadBalancer.Ingress) == 0)
}
