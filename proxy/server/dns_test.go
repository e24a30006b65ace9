package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/resolve/stub"
	"github.com/sipring/sipring/proxy/wire"
)

// nameServer starts a name server on loopback with these records, a line each, and
// returns what asks it.
func nameServer(t testing.TB, records ...string) *stub.Client {
	t.Helper()
	var has []dns.RR
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		has = append(has, rr)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for _, rr := range has {
			if rr.Header().Rrtype == q.Question[0].Qtype && strings.EqualFold(rr.Header().Name, q.Question[0].Name) {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	running.Go(func() { _ = s.ActivateAndServe() })
	<-started
	t.Cleanup(func() { _ = s.ShutdownContext(context.Background()) })
	return stub.At(conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// srvOf is an SRV record of the carrier for where a phone listens, with an address record.
func srvOf(service string, priority int, p *phone, port uint16) []string {
	host := fmt.Sprintf("h%d-%d.elsewhere.example.", p.addr.Port(), p.addr.Addr().As4()[3])
	return []string{
		fmt.Sprintf("%s.carrier.example. 60 IN SRV %d 1 %d %s", service, priority, port, host),
		fmt.Sprintf("%s 60 IN A %s", host, p.addr.Addr()),
	}
}

const naptrTLS, naptrTCP, naptrUDP = `carrier.example. 60 IN NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.carrier.example.`,
	`carrier.example. 60 IN NAPTR 20 50 "s" "SIP+D2T" "" _sip._tcp.carrier.example.`,
	`carrier.example. 60 IN NAPTR 30 50 "s" "SIP+D2U" "" _sip._udp.carrier.example.`

// atCarrier binds bob to a URI.
func (p *phone) atCarrier(x *proxy, uri string) {
	p.t.Helper()
	p.over = nil
	p.sendRaw(x.addr, p.registerText(unique("reg"), 1, "Contact: <"+uri+">"))
	p.status(200)
}

// TestRFC3263_4_DNSSaysTransportPortAndHost: of what a URI leaves open, by NAPTR, SRV and
// addresses, in this order, as far as it is served. Over TLS it is the domain of the URI that
// is proved, and not the host that SRV names (RFC 5922 4).
func TestRFC3263_4_DNSSaysTransportPortAndHost(t *testing.T) {
	t.Parallel()
	carrier := certificateOf("carrier.example")
	const uri, secured = "sip:bob@carrier.example", "sips:bob@carrier.example"
	for name, tt := range map[string]struct {
		uri   string
		naptr []string
		srv   []string // services that are there
		over  flow.Transport
		port  uint16 // where it is taken
	}{
		"NAPTR: TLS first":               {uri, []string{naptrUDP, naptrTCP, naptrTLS}, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.TLS, 5075},
		"NAPTR: TCP first":               {uri, []string{naptrUDP, naptrTCP}, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.TCP, 5074},
		"NAPTR: UDP":                     {uri, []string{naptrUDP}, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.UDP, 5073},
		"NAPTR of SIPS":                  {secured, []string{naptrUDP, naptrTCP, naptrTLS}, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.TLS, 5075},
		"NAPTR, nothing for SIPS":        {secured, []string{naptrUDP, naptrTCP}, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.TLS, 5075},
		"SRV: UDP before TCP":            {uri, nil, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.UDP, 5073},
		"SRV: TCP alone":                 {uri, nil, []string{"_sip._tcp", "_sips._tcp"}, flow.TCP, 5074},
		"SRV of SIPS":                    {secured, nil, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.TLS, 5075},
		"SRV of the transport":           {uri + ";transport=tcp", []string{naptrUDP, naptrTLS}, []string{"_sip._udp", "_sip._tcp", "_sips._tcp"}, flow.TCP, 5074},
		"SRV of SIPS over TCP":           {secured + ";transport=tcp", []string{naptrUDP}, []string{"_sip._tcp", "_sips._tcp"}, flow.TLS, 5075},
		"no SRV: the name itself":        {uri, nil, nil, flow.UDP, 5060},
		"no SRV: the name itself, TLS":   {secured, nil, nil, flow.TLS, 5061},
		"a port: neither NAPTR nor SRV":  {uri + ":5079", []string{naptrTLS}, []string{"_sip._udp", "_sips._tcp"}, flow.UDP, 5079},
		"a port and a transport":         {uri + ":5078;transport=tcp", []string{naptrTLS}, []string{"_sip._udp", "_sip._tcp"}, flow.TCP, 5078},
		"an address needs no DNS at all": {"sip:bob@%s", []string{naptrTLS}, []string{"_sip._udp", "_sip._tcp"}, flow.UDP, 5060},
	} {
		t.Run(name, func(t *testing.T) {
			port := uint16(5060)
			if tt.over == flow.UDP {
				port = tt.port
			}
			alice, bob := newPhone(t, "alice"), newPhoneAtPort(t, "bob", port)
			records := append([]string{"carrier.example. 60 IN A " + bob.addr.Addr().String()}, tt.naptr...)
			for _, service := range tt.srv {
				records = append(records, srvOf(service, 1, bob, map[string]uint16{"_sip._udp": 5073, "_sip._tcp": 5074, "_sips._tcp": 5075}[service])...)
			}
			x := startCluster(t, 1, everyTransport, anyContact, trusting(carrier), func(o *proxyOptions) { o.names = nameServer(t, records...) })[0]
			bob.atCarrier(x, strings.ReplaceAll(tt.uri, "%s", bob.addr.Addr().String()))
			var listener net.Listener
			switch tt.over {
			case flow.TCP:
				listener = bob.listens(tt.port, nil)
			case flow.TLS:
				listener = bob.listens(tt.port, &carrier)
			}
			invite := bob.isBusy(x, alice, listener)
			if via := invite.values(wire.HeaderVia)[0]; !strings.HasPrefix(via, "SIP/2.0/"+tt.over.String()+" ") {
				t.Errorf("it came by Via %s", via)
			}
		})
	}
}

// TestRFC5922_4_NameOfAnSRVTargetProvesNothing: whoever can forge DNS could have any name
// there.
func TestRFC5922_4_NameOfAnSRVTargetProvesNothing(t *testing.T) {
	t.Parallel()
	target := certificateOf("host.elsewhere.example")
	alice, bob := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060)
	x := startCluster(t, 1, everyTransport, anyContact, trusting(target), func(o *proxyOptions) {
		o.names = nameServer(t, naptrTLS, "_sips._tcp.carrier.example. 60 IN SRV 1 1 5075 host.elsewhere.example.", "host.elsewhere.example. 60 IN A "+bob.addr.Addr().String())
	})[0]
	bob.atCarrier(x, "sips:bob@carrier.example")
	listener := bob.listens(5075, &target)
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.accept(listener)
	d.ackFailure(alice.status(480))
}

// TestRFC3263_4_3_NextServer: where nobody listens, or the server says that it is not there,
// or says nothing, the next one is tried, by priority; when none is left it is as if there
// had been one.
func TestRFC3263_4_3_NextServer(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(p *phone){
		"nobody listens there": func(p *phone) { _ = p.conn.Close() },
		"503": func(p *phone) {
			p.reply(p.request("INVITE"), 503, "Service Unavailable", "a")
			p.request("ACK")
		},
		"silence": func(p *phone) { p.request("INVITE") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alice, bob, next := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
			x := startProxy(t, anyContact, func(o *proxyOptions) {
				o.names = nameServer(t, append(srvOf("_sip._udp", 10, bob, bob.addr.Port()), srvOf("_sip._udp", 20, next, next.addr.Port())...)...)
				if name == "silence" {
					o.timers.T1 = 20 * time.Millisecond
				}
			})
			bob.atCarrier(x, "sip:bob@carrier.example")
			if name == "nobody listens there" {
				first(bob)
			}
			d := alice.ring(x.addr, "sip:bob@example.com")
			if name != "nobody listens there" {
				first(bob)
			}
			next.reply(next.request("INVITE"), 486, "Busy Here", "b")
			d.ackFailure(alice.status(486))
			next.request("ACK")
		})
	}
}

// TestRFC3263_4_3_AllServersFail: the caller hears of the last, 500 as RFC 3261 16.7 step 6
// has it. What answers is not asked again elsewhere.
func TestRFC3263_4_3_AllServersFail(t *testing.T) {
	t.Parallel()
	alice, bob, next := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	x := startProxy(t, anyContact, func(o *proxyOptions) {
		o.names = nameServer(t, append(srvOf("_sip._udp", 10, bob, bob.addr.Port()), srvOf("_sip._udp", 20, next, next.addr.Port())...)...)
	})
	bob.atCarrier(x, "sip:bob@carrier.example")
	d := alice.ring(x.addr, "sip:bob@example.com")
	for _, p := range []*phone{bob, next} {
		p.reply(p.request("INVITE"), 503, "Service Unavailable", "a")
		p.request("ACK")
	}
	d.ackFailure(alice.status(500))
	d = alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	next.quiet(20 * time.Millisecond)
}

// TestRFC3263_4_3_NextServerTakesTheConnection where the first takes none.
func TestRFC3263_4_3_NextServerTakesTheConnection(t *testing.T) {
	t.Parallel()
	alice, bob, next := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060), newPhoneAtPort(t, "bob", 5060)
	x := startCluster(t, 1, everyTransport, anyContact, func(o *proxyOptions) {
		o.names = nameServer(t, append(srvOf("_sip._tcp", 10, bob, 5074), srvOf("_sip._tcp", 20, next, 5074)...)...)
	})[0]
	bob.atCarrier(x, "sip:bob@carrier.example;transport=tcp")
	next.isBusy(x, alice, next.listens(5074, nil))
}

// TestRFC3263_4_4_OneCallOneServer: of servers that are as good all that is of one call goes
// to one, at whatever member it arrives.
func TestRFC3263_4_4_OneCallOneServer(t *testing.T) {
	t.Parallel()
	alice := newPhone(t, "alice")
	servers := map[netip.AddrPort]*phone{}
	var records []string
	for range 3 {
		p := newPhone(t, "bob")
		servers[p.addr] = p
		records = append(records, srvOf("_sip._udp", 10, p, p.addr.Port())...)
	}
	mem, names := newMemory(), nameServer(t, records...)
	var x [2]*proxy
	for i := range x {
		x[i] = startMember(t, mem, uint32(i+1), anyContact, func(o *proxyOptions) { o.names = names })
	}
	var bob *phone
	for _, bob = range servers {
		break
	}
	bob.atCarrier(x[0], "sip:bob@carrier.example")
	for range 5 {
		d := alice.ring(x[0].addr, "sip:bob@example.com")
		alice.status(100)
		where := map[string]bool{}
		invite := arrives(t, servers, "INVITE")
		where[invite.at] = true
		alice.sendRaw(x[1].addr, []byte(d.lastInviteText)) // what nobody has answered at another member
		where[arrives(t, servers, "INVITE").at] = true
		if len(where) != 1 {
			t.Errorf("one call went to %v", where)
		}
		invite.p.reply(invite.received, 486, "Busy Here", "b")
		alice.status(486)
	}
}

// arrival is a message that has come to one of several phones.
type arrival struct {
	*received
	p  *phone
	at string
}

// arrives waits for a request that is new to one of the phones.
func arrives(t *testing.T, phones map[netip.AddrPort]*phone, method string) arrival {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, p := range phones {
			r := p.receive(time.Millisecond)
			if r != nil && r.IsRequest() && string(r.MethodBytes()) == method && !p.heard[string(r.Raw)] {
				p.heard[string(r.Raw)] = true
				return arrival{r, p, p.addr.String()}
			}
		}
	}
	t.Fatalf("no %s came", method)
	return arrival{}
}

// TestEgressIsAskedOfEachAddressOfAName: what DNS has for it may be anybody's. The next one
// is where the request goes, if that is allowed, and else nobody is sent anything.
func TestEgressIsAskedOfEachAddressOfAName(t *testing.T) {
	t.Parallel()
	victim, other := newPhoneAt(t, "bob", "127.0.0.9:0"), newPhoneAt(t, "bob", "127.0.0.9:0")
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	x := startProxy(t, anyContact, denyOutsider, func(o *proxyOptions) {
		records := append(srvOf("_sip._udp", 10, victim, victim.addr.Port()), srvOf("_sip._udp", 20, bob, bob.addr.Port())...)
		records = append(records, srvOf("_sip._udp", 30, other, other.addr.Port())...)
		o.names = nameServer(t, append(records, "_sip._udp.inside.example. 60 IN SRV 1 1 5060 inside.example.", "inside.example. 60 IN A 169.254.169.254", "inside.example. 60 IN A 127.0.0.9")...)
	})
	bob.atCarrier(x, "sip:bob@carrier.example")
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 503, "Service Unavailable", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(500))
	bob.registerAt(x, "sip:inside@example.com", "sip:bob@inside.example")
	d = alice.ring(x.addr, "sip:inside@example.com")
	d.ackFailure(alice.status(480))
	victim.quiet(20 * time.Millisecond)
	other.quiet(20 * time.Millisecond)
}
