package desired

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// defaultListener is the one of a SIPCluster that names none, as the API server
// fills it in.
var defaultListener = v1alpha1.Listener{Name: "udp", Protocol: v1alpha1.ProtocolUDP, Port: config.DefaultSIPPort}

// Listeners are the cluster's: at least one, each with its port.
func Listeners(c *v1alpha1.SIPCluster) []v1alpha1.Listener {
	if len(c.Spec.Listeners) == 0 {
		return []v1alpha1.Listener{defaultListener}
	}
	listeners := slices.Clone(c.Spec.Listeners)
	for i := range listeners {
		if listeners[i].Port == 0 {
			listeners[i].Port = int32(config.DefaultPort(listeners[i].Protocol))
		}
	}
	return listeners
}

// SIPPort is the port of the first listener, that of a member's Endpoint.
func SIPPort(c *v1alpha1.SIPCluster) int32 { return Listeners(c)[0].Port }

// l4 is what carries the protocol of a listener.
func l4(l v1alpha1.Listener) corev1.Protocol {
	if l.Protocol == v1alpha1.ProtocolUDP {
		return corev1.ProtocolUDP
	}
	return corev1.ProtocolTCP
}

func listenerServicePort(l v1alpha1.Listener) *corev1ac.ServicePortApplyConfiguration {
	port := servicePort(l.Name, l4(l), l.Port)
	if l.NodePort != nil {
		port.WithNodePort(*l.NodePort)
	}
	return port
}

// configListeners are the listeners in the proxies' configuration: none where there
// is one of UDP of which nothing else is said, whose port is ports.sip, as proxies have it that know of no other.
func configListeners(c *v1alpha1.SIPCluster) (all []config.Listener) {
	listeners := Listeners(c)
	if len(listeners) == 1 && listeners[0].Protocol == v1alpha1.ProtocolUDP && listeners[0].UDPFlows == "" {
		return nil
	}
	for _, l := range listeners {
		made := config.Listener{Name: l.Name, Protocol: l.Protocol, Port: int(l.Port), UDPFlows: l.UDPFlows, TLS: listenerTLS(l.TLS), WebSocket: listenerWebSocket(l.WebSocket)}
		if l.ProxyProtocol != nil {
			made.ProxyProtocol = l.ProxyProtocol.TrustedCIDRs
		}
		all = append(all, made)
	}
	return all
}

func listenerWebSocket(w *v1alpha1.ListenerWebSocket) *config.ListenerWebSocket {
	if w == nil {
		return nil
	}
	out := &config.ListenerWebSocket{Path: w.Path}
	for _, o := range w.Origins {
		out.Origins = append(out.Origins, string(o))
	}
	return out
}

// Advertise is the host:port that stands for the cluster: what its first listener
// advertises, else what the load balancer was given, else the cluster IP. While a
// load balancer has no address, the one advertised before stays.
func Advertise(c *v1alpha1.SIPCluster, services ClientServices, before string) string {
	first := Listeners(c)[0]
	return advertise(c, first, services.of(c, first), before)
}

// AdvertiseEach are the same of each of several listeners, in order of their names, so
// that proxies that were made with another order agree; none for one that has no address
// yet. before is nil where none was published.
func AdvertiseEach(c *v1alpha1.SIPCluster, services ClientServices, before *config.MemberSet) (all []config.ListenerAddress) {
	if len(Listeners(c)) < 2 {
		return nil
	}
	for i, l := range Listeners(c) {
		last := advertisedBefore(before, l.Name)
		if i == 0 && before != nil {
			last = before.Advertise // as Advertise has it
		}
		if a := advertise(c, l, services.of(c, l), last); a != "" {
			all = append(all, config.ListenerAddress{Name: l.Name, Advertise: a})
		}
	}
	slices.SortFunc(all, func(a, b config.ListenerAddress) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// advertisedBefore is what a set says of one of several listeners.
func advertisedBefore(set *config.MemberSet, name string) string {
	if set != nil {
		for _, l := range set.Listeners {
			if l.Name == name {
				return l.Advertise
			}
		}
	}
	return ""
}

func advertise(c *v1alpha1.SIPCluster, listener v1alpha1.Listener, service *corev1.Service, before string) string {
	port := int(listener.Port)
	if listener.Advertise != nil {
		return hostPort(*listener.Advertise, port, before)
	}
	if named := namedAddresses(c); len(named) > 0 {
		return net.JoinHostPort(named[0], strconv.Itoa(port))
	}
	if service == nil {
		return before
	}
	if serviceType(c) == corev1.ServiceTypeLoadBalancer {
		if hosts := ingressHosts(service); len(hosts) > 0 {
			return net.JoinHostPort(hosts[0], strconv.Itoa(port))
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

// ingressHosts are the addresses that the load balancer was given.
func ingressHosts(service *corev1.Service) []string {
	var hosts []string
	for _, in := range service.Status.LoadBalancer.Ingress {
		if in.IP != "" {
			hosts = append(hosts, in.IP)
		} else if in.Hostname != "" {
			hosts = append(hosts, in.Hostname)
		}
	}
	return hosts
}

// maxAddresses bounds the addresses of the status.
const maxAddresses = 16

// Addresses under which the cluster is reached: those that its set advertises, then
// the load balancer's, failing that the Service's own.
func Addresses(c *v1alpha1.SIPCluster, services ClientServices, set *config.MemberSet) []v1alpha1.Address {
	var hosts []string
	for _, l := range ListenerStatuses(c, services, set) {
		if host, _, err := config.SplitAdvertise(l.Advertise, 0); err == nil {
			hosts = append(hosts, host)
		}
	}
	for _, service := range []*corev1.Service{services.Main, services.TCP} {
		if service == nil {
			continue
		}
		further := service.Spec.ClusterIPs
		if SharesAddress(c) {
			further = namedAddresses(c)
		}
		if serviceType(c) == corev1.ServiceTypeLoadBalancer {
			further = ingressHosts(service)
		}
		hosts = append(hosts, further...)
	}
	var addresses []v1alpha1.Address
	for _, host := range hosts {
		a := v1alpha1.Address{Type: v1alpha1.AddressHostname, Value: host}
		if _, err := netip.ParseAddr(host); err == nil {
			a.Type = v1alpha1.AddressIP
		}
		if !slices.Contains(addresses, a) && len(addresses) < maxAddresses {
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// ListenerStatuses are the listeners as they are reached, where the set is in force.
func ListenerStatuses(c *v1alpha1.SIPCluster, services ClientServices, set *config.MemberSet) []v1alpha1.ListenerStatus {
	var statuses []v1alpha1.ListenerStatus
	for i, l := range Listeners(c) {
		s := v1alpha1.ListenerStatus{Name: l.Name, Protocol: l.Protocol, Advertise: advertisedBefore(set, l.Name)}
		if i == 0 {
			s.Advertise = set.Advertise // where there is one, it is not named
		}
		if service := services.of(c, l); service != nil {
			for _, port := range service.Spec.Ports {
				if port.Name == l.Name {
					s.NodePort = port.NodePort
				}
			}
		}
		statuses = append(statuses, s)
	}
	return statuses
}
