package desired

import (
	"net"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

func family(address string) discoveryv1.AddressType {
	if a, err := netip.ParseAddr(address); err == nil && a.Unmap().Is6() {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}

// serves says that traffic of the address's family comes through the Service.
func serves(service *corev1.Service, address string) bool {
	if service == nil || len(service.Spec.IPFamilies) == 0 {
		return true
	}
	return slices.Contains(service.Spec.IPFamilies, corev1.IPFamily(family(address)))
}

// reachable are the addresses at which a proxy receives SIP: the one that it is a
// member by, and its pod's of the other family. pod may be nil.
func reachable(address string, pod *corev1.Pod) []string {
	addresses := []string{address}
	if pod == nil || !knowsItsAddresses(pod) {
		return addresses
	}
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil && family(ip.IP) != family(address) {
			return append(addresses, a.String())
		}
	}
	return addresses
}

// knowsItsAddresses says that the pod's proxy was told of all of them, and so
// receives at all of them.
func knowsItsAddresses(pod *corev1.Pod) bool {
	container := Proxy(&pod.Spec)
	return container != nil && slices.ContainsFunc(container.Env, func(v corev1.EnvVar) bool { return v.Name == envAddresses })
}

func podsByUID(pods []corev1.Pod) map[types.UID]*corev1.Pod {
	byUID := make(map[types.UID]*corev1.Pod, len(pods))
	for i := range pods {
		byUID[pods[i].UID] = &pods[i]
	}
	return byUID
}

// Unreached are the names of the members that take traffic and do not get what
// comes to the Service in a family, by family: they have no address of it.
func Unreached(service *corev1.Service, pods []corev1.Pod, endpoints []membership.Endpoint) map[corev1.IPFamily][]string {
	missed := map[corev1.IPFamily][]string{}
	if service == nil {
		return missed
	}
	byUID := podsByUID(pods)
	for _, e := range endpoints {
		addresses := reachable(e.Address, byUID[types.UID(e.UID)])
		for _, f := range service.Spec.IPFamilies {
			if e.Ready && !slices.ContainsFunc(addresses, func(a string) bool { return corev1.IPFamily(family(a)) == f }) {
				missed[f] = append(missed[f], e.Name)
			}
		}
	}
	return missed
}

// Second is the cluster's address in the other family than that of what it
// advertises, where the Service has both: the load balancer's, else the cluster IP.
// While a load balancer has no address, the one before stays. A name stands for
// both families. service may be nil.
func Second(c *v1alpha1.SIPCluster, service *corev1.Service, advertised, before string) string {
	host, _, err := config.SplitAdvertise(advertised, 0)
	if err != nil || net.ParseIP(host) == nil {
		return ""
	}
	hosts := []string{before}
	if named := namedAddresses(c); len(named) > 0 {
		hosts = named
	} else if service != nil {
		hosts = service.Spec.ClusterIPs
		if len(service.Spec.IPFamilies) < 2 {
			return ""
		}
		if serviceType(c) == corev1.ServiceTypeLoadBalancer {
			if hosts = ingressHosts(service); len(hosts) == 0 {
				hosts = append([]string{before}, service.Spec.ClusterIPs...)
			}
		}
	}
	for _, h := range hosts {
		if a, err := netip.ParseAddr(h); err == nil && family(h) != family(host) {
			return a.Unmap().String()
		}
	}
	return ""
}
