package desired

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

const separate = `
listeners: [{name: udp, protocol: UDP}, {name: tcp, protocol: TCP}, {name: ws, protocol: WS, nodePort: 30080}]
service: {type: LoadBalancer, protocolPolicy: Separate, annotations: {lb.example.com/kind: any}}
`

// TestServicesApart: each Service has the ports of its own listeners, and slices of its
// own; all else is the same.
func TestServicesApart(t *testing.T) {
	c := ring(t, separate)
	main, tcp := ClientService(c), TCPService(c)
	var ports []string
	for _, p := range slices.Concat(main.Spec.Ports, tcp.Spec.Ports) {
		ports = append(ports, *p.Name)
	}
	if d := cmp.Diff([]string{"udp", "tcp", "ws"}, ports); d != "" || len(main.Spec.Ports) != 1 {
		t.Errorf("%d ports of the first, (-want +got):\n%s", len(main.Spec.Ports), d)
	}
	main.Spec.Ports, tcp.Spec.Ports = nil, nil
	main.Name = tcp.Name
	if d := cmp.Diff(main, tcp); d != "" || *tcp.Name != "ring-tcp" {
		t.Errorf("%s (-first +second):\n%s", *tcp.Name, d)
	}
	services := map[string][]string{}
	for _, s := range EndpointSlices(c, nil, nil, []membership.Endpoint{{ID: 1, Name: "ring-0", Address: "10.0.0.1", Port: 5060, Ready: true}, {ID: 101, Name: "ring-100", Address: "10.0.0.2", Port: 5060}}) {
		name := s.Labels[discoveryv1.LabelServiceName]
		services[name] = append(services[name], *s.Name)
	}
	want := map[string][]string{"ring": {"ring-ipv4-5060-5060-8080-0", "ring-ipv4-5060-5060-8080-1"}, "ring-tcp": {"ring-tcp-ipv4-5060-5060-8080-0", "ring-tcp-ipv4-5060-5060-8080-1"}}
	if d := cmp.Diff(want, services); d != "" {
		t.Errorf("slices (-want +got):\n%s", d)
	}
}

// TestNothingToSeparate: one Service has all, unless there are listeners of both and it is
// asked for.
func TestNothingToSeparate(t *testing.T) {
	for spec, want := range map[string]bool{
		"": false, "service: {protocolPolicy: Separate}": false, separate: true,
		"service: {protocolPolicy: Separate}\nlisteners: [{name: tcp, protocol: TCP}, {name: ws, protocol: WS}]": false,
		"service: {protocolPolicy: Mixed}\nlisteners: [{name: udp, protocol: UDP}, {name: tcp, protocol: TCP}]":  false,
		"listeners: [{name: udp, protocol: UDP}, {name: tcp, protocol: TCP}]":                                    false,
		"service: {protocolPolicy: Separate}\nlisteners: [{name: ws, protocol: WS}, {name: udp, protocol: UDP}]": true,
	} {
		c := ring(t, spec)
		if got := TCPService(c) != nil; got != want || Separate(c) != want {
			t.Errorf("%s: a second Service: %v, want %v", spec, got, want)
		}
		if n := len(ClientService(c).Spec.Ports); !want && n != len(Listeners(c)) || want && n != 1 {
			t.Errorf("%s: the first has %d ports", spec, n)
		}
	}
}

// TestAddressesApart: a listener is advertised at the address of its own Service.
func TestAddressesApart(t *testing.T) {
	c := ring(t, separate)
	service := func(ip string, ports ...corev1.ServicePort) *corev1.Service {
		s := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", Ports: ports}}
		if ip != "" {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip}}
		}
		return s
	}
	both := ClientServices{Main: service("203.0.113.5"), TCP: service("203.0.113.6", corev1.ServicePort{Name: "ws", NodePort: 30080})}
	if a := Advertise(c, both, ""); a != "203.0.113.5:5060" {
		t.Errorf("advertised is %s", a)
	}
	each := []config.ListenerAddress{{Name: "tcp", Advertise: "203.0.113.6:5060"}, {Name: "udp", Advertise: "203.0.113.5:5060"}, {Name: "ws", Advertise: "203.0.113.6:8080"}}
	if d := cmp.Diff(each, AdvertiseEach(c, both, nil)); d != "" {
		t.Errorf("each (-want +got):\n%s", d)
	}
	set := &config.MemberSet{Advertise: "203.0.113.5:5060", Listeners: each}
	statuses := []v1alpha1.ListenerStatus{{Name: "udp", Protocol: "UDP", Advertise: "203.0.113.5:5060"}, {Name: "tcp", Protocol: "TCP", Advertise: "203.0.113.6:5060"}, {Name: "ws", Protocol: "WS", Advertise: "203.0.113.6:8080", NodePort: 30080}}
	if d := cmp.Diff(statuses, ListenerStatuses(c, both, set)); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
	addresses := []v1alpha1.Address{{Type: v1alpha1.AddressIP, Value: "203.0.113.5"}, {Type: v1alpha1.AddressIP, Value: "203.0.113.6"}}
	if d := cmp.Diff(addresses, Addresses(c, both, set)); d != "" {
		t.Errorf("addresses (-want +got):\n%s", d)
	}
	for want, services := range map[string]ClientServices{"": both, "ring": {Main: service(""), TCP: both.TCP}, "ring-tcp": {Main: both.Main, TCP: service("")}} {
		if got := WaitsForAddress(c, services); got != want {
			t.Errorf("%q waits, want %q", got, want)
		}
	}
	if got := WaitsForAddress(c, ClientServices{Main: both.Main}); got != "ring-tcp" {
		t.Errorf("before there is one, %q waits", got)
	}
}
