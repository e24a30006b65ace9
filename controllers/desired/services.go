package desired

import (
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// Names of the ports.
const (
	portSIP    = "sip-udp"
	portPeer   = "peer"
	portHealth = "health"
	portAdmin  = "admin"
)

// ClientService is what phones use. It has no selector: its EndpointSlices are
// the operator's.
func ClientService(c *v1alpha1.SIPCluster) *corev1ac.ServiceApplyConfiguration {
	s := c.Spec.Service
	port := servicePort(portSIP, corev1.ProtocolUDP, SIPPort(c))
	if fixed := udp(c).NodePort; fixed != nil {
		port.WithNodePort(*fixed)
	}
	spec := corev1ac.ServiceSpec().
		WithType(serviceType(c)).
		WithPorts(port)
	if serviceType(c) != corev1.ServiceTypeClusterIP {
		spec.WithExternalTrafficPolicy(corev1.ServiceExternalTrafficPolicyLocal)
		if s.ExternalTrafficPolicy != "" {
			spec.WithExternalTrafficPolicy(s.ExternalTrafficPolicy)
		}
	}
	if s.LoadBalancerIP != nil {
		spec.WithLoadBalancerIP(*s.LoadBalancerIP)
	}
	if s.LoadBalancerClass != nil {
		spec.WithLoadBalancerClass(*s.LoadBalancerClass)
	}
	spec.WithLoadBalancerSourceRanges(s.LoadBalancerSourceRanges...)
	return corev1ac.Service(ClientServiceName(c.Name), c.Namespace).
		WithLabels(Labels(c.Name)).
		WithAnnotations(s.Annotations).
		WithOwnerReferences(Owner(c)).
		WithSpec(spec)
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
	return corev1ac.Service(PeerServiceName(c.Name), c.Namespace).
		WithLabels(Labels(c.Name)).
		WithOwnerReferences(Owner(c)).
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

// Advertise is the host:port that stands for the cluster: spec.network.advertise,
// else what the load balancer was given, else the cluster IP. While a load
// balancer has no address, the one advertised before stays. service may be nil.
func Advertise(c *v1alpha1.SIPCluster, service *corev1.Service, before string) string {
	port := int(SIPPort(c))
	if n := c.Spec.Network; n != nil && n.Advertise != nil {
		return hostPort(*n.Advertise, port, before)
	}
	if service == nil {
		return before
	}
	if serviceType(c) == corev1.ServiceTypeLoadBalancer {
		for _, in := range service.Status.LoadBalancer.Ingress {
			if in.IP != "" {
				return net.JoinHostPort(in.IP, strconv.Itoa(port))
			}
			if in.Hostname != "" {
				return net.JoinHostPort(in.Hostname, strconv.Itoa(port))
			}
		}
		if before != "" {
			return before
		}
	}
	if ip := service.Spec.ClusterIP; net.ParseIP(ip) != nil {
		return net.JoinHostPort(ip, strconv.Itoa(port))
	}
	return before
}

func hostPort(s string, port int, otherwise string) string {
	host, p, err := config.SplitAdvertise(s, port)
	if err != nil {
		return otherwise
	}
	return net.JoinHostPort(host, strconv.Itoa(p))
}

// WaitsForAddress says that the load balancer has assigned no address.
func WaitsForAddress(c *v1alpha1.SIPCluster, service *corev1.Service) bool {
	return serviceType(c) == corev1.ServiceTypeLoadBalancer && (service == nil || len(service.Status.LoadBalancer.Ingress) == 0)
}
