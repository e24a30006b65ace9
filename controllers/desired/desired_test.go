package desired

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

func TestOrdinal(t *testing.T) {
	tests := map[string]struct {
		ordinal int32
		ok      bool
	}{
		"ring-0":          {0, true},
		"ring-41":         {41, true},
		"ring-04":         {0, false},
		"ring-":           {0, false},
		"ring-x":          {0, false},
		"ring--1":         {0, false},
		"ring-a-1":        {0, false},
		"other-1":         {0, false},
		"ring-9999999999": {0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := Ordinal("ring", name)
			if ok != tt.ok || ok && got != tt.ordinal {
				t.Errorf("%d %v, want %d %v", got, ok, tt.ordinal, tt.ok)
			}
		})
	}
}

// TestConfigIsWhatAProxyReads: the text round-trips through the proxy's parser.
func TestConfigIsWhatAProxyReads(t *testing.T) {
	for name, changes := range map[string]string{"least": "", "most": everything, "two listeners": twoListeners, "five protocols": fiveProtocols, "digest": withDigest, "postgres": withPostgres, "http": withHTTP, "long": "registrar: {minExpiresSeconds: 7200, maxExpiresSeconds: 9000, maxContacts: 1}"} {
		t.Run(name, func(t *testing.T) {
			c := ring(t, changes)
			parsed, err := config.ParseConfig([]byte(must(ConfigText(c))))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(must(Config(c)), parsed); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestConfigFitsAnAnnotation: all annotations of a pod may have 256 KiB together,
// and most of that is left to spec.template and to others.
func TestConfigFitsAnAnnotation(t *testing.T) {
	c := ring(t, everything+byDigest)
	a := c.Spec.Authentication
	a.Digest.Credentials.Secrets, a.Domains, a.Trusted = nil, nil, nil
	a.Digest.Credentials.Postgres = &v1alpha1.PostgresCredentials{Connection: v1alpha1.SecretReference{SecretName: "a", Key: "b"}, Query: strings.Repeat("$1 ", 1365)}
	c.Spec.Domains = nil
	for i := range 64 { // as many and as long as the CRD allows
		c.Spec.Aliases = append(c.Spec.Aliases, v1alpha1.Alias(fmt.Sprintf("%02d%s:65535", i, strings.Repeat("abcdefghi.", 26)[:251])))
		domain := fmt.Sprintf("%02d%s", i, strings.Repeat("abcdefghi.", 26)[:251])
		c.Spec.Domains = append(c.Spec.Domains, v1alpha1.Domain(domain))
		a.Domains = append(a.Domains, v1alpha1.DomainAuthentication{Domain: domain, Realm: strings.Repeat("r", 128)})
		a.Trusted = append(a.Trusted, v1alpha1.TrustedSource{CIDR: fmt.Sprintf("2001:db8:1111:2222:3333:4444:5555:%04x/128", 0x6600+i), Identity: "Outside"})
	}
	if n := len(must(ConfigText(c))); n < 60<<10 || n > 80<<10 {
		t.Errorf("the configuration has %d bytes, want at most 80 KiB", n)
	}
	c.Spec.Listeners = nil
	for i := range 8 {
		c.Spec.Listeners = append(c.Spec.Listeners, largestListener(i))
	}
	if n := len(must(ConfigText(c))); n < 170<<10 || n > 190<<10 {
		t.Errorf("with all of TLS and WebSocket it has %d bytes, want at most 190 KiB", n)
	}
}

// largestListener is as large as the CRD allows.
func largestListener(n int) v1alpha1.Listener {
	l := v1alpha1.Listener{
		Name: fmt.Sprintf("l%d", n), Protocol: v1alpha1.ProtocolWSS, Port: 5100 + int32(n),
		TLS:           &v1alpha1.ListenerTLS{MinVersion: "1.2", ClientAuth: "Require", ClientCA: &v1alpha1.ClientCA{ConfigMapName: strings.Repeat("a", 253)}},
		WebSocket:     &v1alpha1.ListenerWebSocket{Path: "/" + strings.Repeat("a", 254)},
		ProxyProtocol: &v1alpha1.ListenerProxyProtocol{},
	}
	for i := range 16 {
		l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, v1alpha1.CertificateReference{Name: v1alpha1.SecretName(fmt.Sprintf("%03d%s", i, strings.Repeat("a", 250)))})
		l.TLS.ClientNames = append(l.TLS.ClientNames, v1alpha1.ClientName(fmt.Sprintf("%03d%s", i, strings.Repeat("a", 252))))
		l.WebSocket.Origins = append(l.WebSocket.Origins, v1alpha1.Origin(fmt.Sprintf("https://%03d%s", i, strings.Repeat("a", 244))))
		l.ProxyProtocol.TrustedCIDRs = append(l.ProxyProtocol.TrustedCIDRs, fmt.Sprintf("2001:db8:1111:2222:3333:4444:5555:%04x/128", 0x6600+i))
	}
	return l
}

// TestConfigTravelsWithThePods: the file that the proxy is told to read is the
// annotation of its own pod.
func TestConfigTravelsWithThePods(t *testing.T) {
	set := must(StatefulSet(ring(t, "template: {annotations: {note: mine}}"), "image", "cluster: ring"))
	template := set.Spec.Template
	if got := template.Annotations[AnnotationConfig]; got != "cluster: ring" {
		t.Errorf("annotation %q", got)
	}
	for _, v := range template.Spec.Volumes {
		if *v.Name == "config" {
			file := v.DownwardAPI.Items[0]
			if *file.FieldRef.FieldPath != "metadata.annotations['sipring.io/config']" || !slices.Contains(template.Spec.Containers[0].Args, mountRoot+"config/"+*file.Path) {
				t.Errorf("%s holds %s, the proxy reads %v", *file.Path, *file.FieldRef.FieldPath, template.Spec.Containers[0].Args)
			}
			return
		}
	}
	t.Error("no volume config")
}

func TestDefaultExpires(t *testing.T) {
	tests := map[string]struct {
		registrar string
		want      int
	}{
		"between":     {"{minExpiresSeconds: 60, maxExpiresSeconds: 7200}", 3600},
		"below 3600":  {"{minExpiresSeconds: 60, maxExpiresSeconds: 600}", 600},
		"above 3600":  {"{minExpiresSeconds: 5000, maxExpiresSeconds: 9000}", 5000},
		"as asked":    {"{minExpiresSeconds: 60, maxExpiresSeconds: 7200, defaultExpiresSeconds: 120}", 120},
		"of nothings": {"{minExpiresSeconds: 0, maxExpiresSeconds: 0}", 3600},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, err := Config(ring(t, "registrar: "+tt.registrar))
			if err != nil || cfg.Registrar.DefaultExpires != tt.want {
				t.Errorf("%+v %v, want %d", cfg.Registrar, err, tt.want)
			}
		})
	}
}

func TestAdvertise(t *testing.T) {
	lb := func(ingress ...corev1.LoadBalancerIngress) *corev1.Service {
		s := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7"}}
		s.Status.LoadBalancer.Ingress = ingress
		return s
	}
	tests := map[string]struct {
		spec    string
		service *corev1.Service
		before  string
		want    string
	}{
		"nothing yet":                        {"", nil, "", ""},
		"cluster IP":                         {"", lb(), "", "10.96.0.7:5060"},
		"cluster IP and another port":        {"listeners: [{name: a, protocol: UDP, port: 5070}]", lb(), "", "10.96.0.7:5070"},
		"cluster IP of IPv6":                 {"", &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "fd00::7"}}, "", "[fd00::7]:5060"},
		"no cluster IP yet":                  {"", &corev1.Service{}, "", ""},
		"load balancer's IP":                 {"service: {type: LoadBalancer}", lb(corev1.LoadBalancerIngress{IP: "203.0.113.5"}), "10.96.0.7:5060", "203.0.113.5:5060"},
		"load balancer's name":               {"service: {type: LoadBalancer}", lb(corev1.LoadBalancerIngress{Hostname: "lb.example.net"}), "", "lb.example.net:5060"},
		"load balancer of IPv6":              {"service: {type: LoadBalancer}", lb(corev1.LoadBalancerIngress{IP: "2001:db8::5"}), "", "[2001:db8::5]:5060"},
		"load balancer without address":      {"service: {type: LoadBalancer}", lb(), "", "10.96.0.7:5060"},
		"load balancer that lost its own":    {"service: {type: LoadBalancer}", lb(), "203.0.113.5:5060", "203.0.113.5:5060"},
		"an address left over from before":   {"", lb(corev1.LoadBalancerIngress{IP: "203.0.113.5"}), "203.0.113.5:5060", "10.96.0.7:5060"},
		"advertised host":                    {"listeners: [{name: a, protocol: UDP, advertise: sip.example.com}]", lb(), "", "sip.example.com:5060"},
		"advertised host, port":              {"listeners: [{name: a, protocol: UDP, advertise: 'sip.example.com:5062'}]", lb(), "", "sip.example.com:5062"},
		"advertised IPv6":                    {"listeners: [{name: a, protocol: UDP, advertise: '[2001:db8::1]'}]", nil, "", "[2001:db8::1]:5060"},
		"advertised before the load balance": {"listeners: [{name: a, protocol: UDP, advertise: 192.0.2.9}]\nservice: {type: LoadBalancer}", lb(corev1.LoadBalancerIngress{IP: "203.0.113.5"}), "", "192.0.2.9:5060"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Advertise(ring(t, tt.spec), ClientServices{Main: tt.service}, tt.before); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// Several listeners are advertised, or not yet, each for itself.
func TestAdvertiseEach(t *testing.T) {
	inside := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", Ports: []corev1.ServicePort{{Name: "b", NodePort: 30001}}}}
	balanced := inside.DeepCopy()
	balanced.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.5"}}
	const three = "listeners: [{name: c, protocol: UDP}, {name: b, protocol: UDP, port: 5070}, {name: a, protocol: UDP, port: 5080, advertise: a.example}]\n"
	first := func(host string) config.ListenerAddress {
		return config.ListenerAddress{Name: "c", Advertise: host + ":5060"}
	}
	own := config.ListenerAddress{Name: "a", Advertise: "a.example:5080"}
	before := &config.MemberSet{Advertise: "192.0.2.1:5060", Listeners: []config.ListenerAddress{{Name: "b", Advertise: "192.0.2.2:5070"}}}
	for name, tt := range map[string]struct {
		spec    string
		service *corev1.Service
		before  *config.MemberSet
		want    []config.ListenerAddress
	}{
		"one listener":           {"", balanced, before, nil},
		"nothing yet":            {three, nil, nil, []config.ListenerAddress{own}},
		"cluster IP":             {three, inside, nil, []config.ListenerAddress{own, {Name: "b", Advertise: "10.96.0.7:5070"}, first("10.96.0.7")}},
		"load balancer":          {three + "service: {type: LoadBalancer}", balanced, before, []config.ListenerAddress{own, {Name: "b", Advertise: "203.0.113.5:5070"}, first("203.0.113.5")}},
		"load balancer, not yet": {three + "service: {type: LoadBalancer}", inside, before, []config.ListenerAddress{own, {Name: "b", Advertise: "192.0.2.2:5070"}, first("192.0.2.1")}},
		"what was there before":  {three, nil, before, []config.ListenerAddress{own, {Name: "b", Advertise: "192.0.2.2:5070"}, first("192.0.2.1")}},
		"a name that nobody has": {three, nil, &config.MemberSet{Listeners: []config.ListenerAddress{{Name: "d", Advertise: "d.example"}}}, []config.ListenerAddress{own}},
	} {
		c := ring(t, tt.spec)
		got := AdvertiseEach(c, ClientServices{Main: tt.service}, tt.before)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if name != "cluster IP" {
			continue
		}
		set := &config.MemberSet{Advertise: Advertise(c, ClientServices{Main: tt.service}, ""), Listeners: got}
		statuses := []v1alpha1.ListenerStatus{{Name: "c", Protocol: "UDP", Advertise: "10.96.0.7:5060"}, {Name: "b", Protocol: "UDP", Advertise: "10.96.0.7:5070", NodePort: 30001}, {Name: "a", Protocol: "UDP", Advertise: "a.example:5080"}}
		if d := cmp.Diff(statuses, ListenerStatuses(c, ClientServices{Main: tt.service}, set)); d != "" {
			t.Errorf("%s: status (-want +got):\n%s", name, d)
		}
		addresses := []v1alpha1.Address{{Type: v1alpha1.AddressIP, Value: "10.96.0.7"}, {Type: v1alpha1.AddressHostname, Value: "a.example"}}
		if d := cmp.Diff(addresses, Addresses(c, ClientServices{Main: tt.service}, set)); d != "" {
			t.Errorf("%s: addresses (-want +got):\n%s", name, d)
		}
	}
}

func TestSecond(t *testing.T) {
	both := []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	service := func(families []corev1.IPFamily, ingress ...corev1.LoadBalancerIngress) *corev1.Service {
		s := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "10.96.0.7", ClusterIPs: []string{"10.96.0.7", "fd00::7"}, IPFamilies: families}}
		s.Status.LoadBalancer.Ingress = ingress
		return s
	}
	four, six := corev1.LoadBalancerIngress{IP: "203.0.113.5"}, corev1.LoadBalancerIngress{IP: "2001:db8::5"}
	const balanced = "service: {type: LoadBalancer}"
	tests := map[string]struct {
		spec               string
		service            *corev1.Service
		advertised, before string
		want               string
	}{
		"cluster IPs":                       {"", service(both), "10.96.0.7:5060", "", "fd00::7"},
		"cluster IPs, IPv6 first":           {"", service(both), "[fd00::7]:5060", "", "10.96.0.7"},
		"Service of one family":             {"", service(both[:1]), "10.96.0.7:5060", "fd00::9", ""},
		"load balancer's":                   {balanced, service(both, four, six), "203.0.113.5:5060", "", "2001:db8::5"},
		"load balancer's, IPv6 first":       {balanced, service(both, six, four), "[2001:db8::5]:5060", "", "203.0.113.5"},
		"load balancer of one family":       {balanced, service(both, four), "203.0.113.5:5060", "fd00::7", ""},
		"load balancer with a name":         {balanced, service(both, corev1.LoadBalancerIngress{Hostname: "lb.example.net"}), "lb.example.net:5060", "2001:db8::5", ""},
		"load balancer without address":     {balanced, service(both), "10.96.0.7:5060", "", "fd00::7"},
		"load balancer that lost its own":   {balanced, service(both), "203.0.113.5:5060", "2001:db8::5", "2001:db8::5"},
		"before is of the advertised's now": {balanced, service(both), "[2001:db8::9]:5060", "2001:db8::5", "10.96.0.7"},
		"advertised address":                {balanced, service(both, four, six), "192.0.2.9:5060", "", "2001:db8::5"},
		"advertised name":                   {balanced, service(both, four, six), "sip.example.com:5060", "2001:db8::5", ""},
		"nothing advertised":                {"", service(both), "", "2001:db8::5", ""},
		"no Service":                        {balanced, nil, "203.0.113.5:5060", "2001:db8::5", "2001:db8::5"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Second(ring(t, tt.spec), tt.service, tt.advertised, tt.before); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	balanced := &corev1.Service{Spec: corev1.ServiceSpec{
		ClusterIPs: []string{"10.96.0.7", "fd00::7"}, Ports: []corev1.ServicePort{{Name: "udp", Port: 5060, NodePort: 31060}},
	}}
	balanced.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.5"}, {}, {IP: "2001:db8::5"}, {Hostname: "lb.example.net"}}
	ip, name := v1alpha1.AddressIP, v1alpha1.AddressHostname
	tests := map[string]struct {
		spec       string
		service    *corev1.Service
		advertised string
		want       []v1alpha1.Address
		nodePort   int32
	}{
		"nothing yet":   {"", nil, "", nil, 0},
		"cluster IPs":   {"", balanced, "10.96.0.7:5060", []v1alpha1.Address{{Type: ip, Value: "10.96.0.7"}, {Type: ip, Value: "fd00::7"}}, 31060},
		"advertised":    {"", balanced, "sip.example.com:5062", []v1alpha1.Address{{Type: name, Value: "sip.example.com"}, {Type: ip, Value: "10.96.0.7"}, {Type: ip, Value: "fd00::7"}}, 31060},
		"load balancer": {"service: {type: LoadBalancer}", balanced, "203.0.113.5:5060", []v1alpha1.Address{{Type: ip, Value: "203.0.113.5"}, {Type: ip, Value: "2001:db8::5"}, {Type: name, Value: "lb.example.net"}}, 31060},
		"only IPv6":     {"", nil, "[2001:db8::1]:5060", []v1alpha1.Address{{Type: ip, Value: "2001:db8::1"}}, 0},
	}
	for label, tt := range tests {
		t.Run(label, func(t *testing.T) {
			c := ring(t, tt.spec)
			if d := cmp.Diff(tt.want, Addresses(c, ClientServices{Main: tt.service}, &config.MemberSet{Advertise: tt.advertised})); d != "" {
				t.Errorf("addresses (-want +got):\n%s", d)
			}
			listeners := []v1alpha1.ListenerStatus{{Name: "udp", Protocol: "UDP", Advertise: tt.advertised, NodePort: tt.nodePort}}
			if d := cmp.Diff(listeners, ListenerStatuses(c, ClientServices{Main: tt.service}, &config.MemberSet{Advertise: tt.advertised})); d != "" {
				t.Errorf("listeners (-want +got):\n%s", d)
			}
		})
	}
}

// TestPortOfAPod: by its listener's name, and where that was another when the pod
// was made, by its protocol.
func TestPortOfAPod(t *testing.T) {
	port := func(name string, number int32, protocol corev1.Protocol) corev1.ContainerPort {
		return corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: protocol}
	}
	tests := map[string]struct {
		container string
		ports     []corev1.ContainerPort
		want      int32
	}{
		"its own":          {Container, []corev1.ContainerPort{port("other", 1, corev1.ProtocolUDP), port("udp", 5060, corev1.ProtocolUDP)}, 5060},
		"of another name":  {Container, []corev1.ContainerPort{port("peer", 7947, corev1.ProtocolTCP), port("sip", 5070, corev1.ProtocolUDP)}, 5070},
		"none of UDP":      {Container, []corev1.ContainerPort{port("peer", 7947, corev1.ProtocolTCP), port("tcp", 5070, corev1.ProtocolTCP)}, 0},
		"of another":       {"sidecar", []corev1.ContainerPort{port("udp", 5060, corev1.ProtocolUDP)}, 0},
		"none of protocol": {Container, []corev1.ContainerPort{port("udp", 5060, corev1.ProtocolTCP)}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: tt.container, Ports: tt.ports}}}}
			got, ok := PodSIPPort(ring(t, ""), pod)
			if got != tt.want || ok != (tt.want != 0) {
				t.Errorf("%d %v, want %d", got, ok, tt.want)
			}
		})
	}
}

// TestSlicesBound: more than a thousand members need several slices, each
// within its bound, and each member is in exactly one.
func TestSlicesBound(t *testing.T) {
	var endpoints []membership.Endpoint
	for id := range 1001 {
		endpoints = append(endpoints, membership.Endpoint{
			ID: uint32(id + 1), Name: fmt.Sprintf("ring-%d", id), Address: fmt.Sprintf("10.0.%d.%d", id/250, id%250+1), Port: 5060, Ready: true,
		})
	}
	slices := EndpointSlices(ring(t, ""), nil, nil, endpoints)
	if len(slices) != 11 {
		t.Errorf("%d slices of 1001 members, want 11", len(slices))
	}
	names, seen := map[string]bool{}, map[string]bool{}
	for _, s := range slices {
		if names[*s.Name] || len(s.Endpoints) > EndpointsPerSlice {
			t.Errorf("slice %s is there twice or holds %d endpoints", *s.Name, len(s.Endpoints))
		}
		names[*s.Name] = true
		for _, e := range s.Endpoints {
			if seen[e.Addresses[0]] {
				t.Errorf("%s is there twice", e.Addresses[0])
			}
			seen[e.Addresses[0]] = true
		}
	}
	if len(seen) != len(endpoints) {
		t.Errorf("%d endpoints in slices, want %d", len(seen), len(endpoints))
	}
}
