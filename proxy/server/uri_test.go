package server

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// listens has the phone listen over TCP, or TLS with a certificate, at its address. The
// listener is closed at the end of the test.
func (p *phone) listens(port uint16, c *tls.Certificate) net.Listener {
	p.t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(p.addr.Addr(), port).String())
	if err != nil {
		p.t.Fatal(err)
	}
	if c != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*c}})
	}
	p.t.Cleanup(func() { _ = l.Close() })
	return l
}

// hosts is how many phones have an address that is nobody else's.
var hosts atomic.Uint32

// newPhoneAtPort is a phone at a port of an address that nothing else of this process has.
func newPhoneAtPort(t testing.TB, user string, port uint16) *phone {
	t.Helper()
	n := hosts.Add(1)
	return newPhoneAt(t, user, fmt.Sprintf("127.%d.%d.%d:%d", 192+testPID%62, n/250%250, 1+n%250, port))
}

// isBusy has the phone be called by another one, which it refuses, and returns the INVITE.
// With a listener the INVITE comes over a new connection.
func (p *phone) isBusy(x *proxy, caller *phone, listener net.Listener) *received {
	p.t.Helper()
	d := caller.ring(x.addr, "sip:"+p.user+"@example.com")
	if p.over = nil; listener != nil {
		p.accept(listener)
	}
	invite := p.request("INVITE")
	p.reply(invite, 486, "Busy Here", "b")
	d.ackFailure(caller.status(486))
	p.request("ACK")
	return invite
}

// TestRFC3263_4_1_URISaysTheTransport: a contact is called over the transport, and at the
// address and port, that its URI asks for, or the defaults of those: UDP, and TLS of SIPS, at
// 5060 and 5061; the addresses of a name are looked up.
func TestRFC3263_4_1_URISaysTheTransport(t *testing.T) {
	t.Parallel()
	own := certificateOf("phone.example")
	for name, tt := range map[string]struct {
		contact string // with the address in place of %s
		over    flow.Transport
		port    uint16
	}{
		"nothing":              {"sip:bob@%s", flow.UDP, 5060},
		"a port":               {"sip:bob@%s:5070", flow.UDP, 5070},
		"UDP":                  {"sip:bob@%s;transport=udp", flow.UDP, 5060},
		"TCP":                  {"sip:bob@%s;transport=tcp", flow.TCP, 5060},
		"TCP, and a port":      {"sip:bob@%s:5071;transport=TCP", flow.TCP, 5071},
		"a name":               {"sip:bob@phone.example", flow.UDP, 5060},
		"a name, TCP":          {"sip:bob@phone.example;transport=tcp", flow.TCP, 5060},
		"a name, TLS":          {"sip:bob@phone.example;transport=tls", flow.TLS, 5061},
		"a name, SIPS":         {"sips:bob@phone.example", flow.TLS, 5061},
		"a name, SIPS, a port": {"sips:bob@phone.example:5072", flow.TLS, 5072},
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060)
			if tt.over == flow.UDP {
				bob = newPhoneAtPort(t, "bob", tt.port)
			}
			x := startCluster(t, 1, everyTransport, anyContact, trusting(own), func(o *proxyOptions) {
				o.lookup = resolveKnown("phone.example", bob.addr.Addr().String())
			})[0]
			contact := strings.ReplaceAll(tt.contact, "%s", bob.addr.Addr().String())
			bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <"+contact+">"))
			bob.status(200)
			var listener net.Listener
			switch tt.over {
			case flow.TCP:
				listener = bob.listens(tt.port, nil)
			case flow.TLS:
				listener = bob.listens(tt.port, &own)
			}
			invite := bob.isBusy(x, alice, listener)
			if via := invite.values(wire.HeaderVia)[0]; !strings.HasPrefix(via, "SIP/2.0/"+tt.over.String()+" ") {
				t.Errorf("it came by Via %s", via)
			}
		})
	}
}

// TestRFC3263_4_1_NobodyIsCalledOverWhatIsNotServed: a URI of a transport that there is
// none of leads to nobody, and to nothing else instead.
func TestRFC3263_4_1_NobodyIsCalledOverWhatIsNotServed(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport, anyContact)[0]
	alice, bob := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060)
	for _, uri := range []string{"sip:bob@%s;transport=sctp", "sip:bob@%s;transport=ws", "sip:bob@a.invalid;transport=tcp", "tel:+1234"} {
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <"+strings.ReplaceAll(uri, "%s", bob.addr.String())+">"))
		bob.status(200)
		d := alice.ring(x.addr, "sip:bob@example.com")
		d.ackFailure(alice.status(480))
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: *", "Expires: 0"))
		bob.status(200)
	}
}

// TestRFC5922_7_3_WhoIsCalledOverTLS: a request goes over TLS to who proves to be the host
// of the URI, whatever address the host has: by the SIP URIs of the certificate, or else by
// its DNS names, no wildcards. To others nothing goes.
func TestRFC5922_7_3_WhoIsCalledOverTLS(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		of     []string // whose the certificate is
		called bool
	}{
		"a DNS name":                {[]string{"phone.example"}, true},
		"a SIP URI":                 {[]string{"sip:phone.example"}, true},
		"a SIP URI, other names":    {[]string{"sip:phone.example", "other.example"}, true},
		"another SIP URI, the name": {[]string{"sip:other.example", "phone.example"}, false},
		"a SIP URI of a user":       {[]string{"sip:bob@phone.example"}, false},
		"another name":              {[]string{"other.example"}, false},
		"a wildcard":                {[]string{"*.example"}, false},
		"not signed by who may":     {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, trusted := certificateOf(tt.of...), certificateOf("phone.example")
			if tt.of != nil {
				trusted = c
			} else {
				c = certificateOf("phone.example")
			}
			alice, bob := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060)
			x := startCluster(t, 1, everyTransport, anyContact, trusting(trusted), func(o *proxyOptions) {
				o.lookup = resolveKnown("phone.example", bob.addr.Addr().String())
			})[0]
			bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <sips:bob@phone.example>"))
			bob.status(200)
			listener := bob.listens(5061, &c)
			if tt.called {
				bob.isBusy(x, alice, listener)
				return
			}
			d := alice.ring(x.addr, "sip:bob@example.com")
			bob.accept(listener)
			if err := bob.over.Conn.(*tls.Conn).Handshake(); err == nil {
				if n, err := bob.over.Read(make([]byte, 1)); err == nil {
					t.Errorf("%d bytes came", n)
				}
			}
			if r := alice.news(); r.StatusCode() == 100 {
				r = alice.news()
				if r.StatusCode() != 480 && r.StatusCode() != 500 {
					t.Errorf("answered %d", r.StatusCode())
				}
				d.ackFailure(r)
			}
		})
	}
}
