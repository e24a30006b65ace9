package server

import (
	"crypto/tls"
	"net"
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// TestRFC5923_8_2_Alias: what is for a proxy goes over the connection that it has opened,
// if it asks for that and has shown a certificate by which it would be connected to. Nobody
// listens at its own port here, so that nothing else gets there.
func TestRFC5923_8_2_Alias(t *testing.T) {
	t.Parallel()
	own := certificateOf("phone.example")
	for name, tt := range map[string]struct {
		sentBy string
		shows  []tls.Certificate
		reuses bool
	}{
		"it says so":            {"phone.example;alias", []tls.Certificate{own}, true},
		"with its port":         {"phone.example:5061;alias", []tls.Certificate{own}, true},
		"it does not":           {"phone.example", []tls.Certificate{own}, false},
		"another port":          {"phone.example:5062;alias", []tls.Certificate{own}, false},
		"another name":          {"other.example;alias", []tls.Certificate{own}, false},
		"of another name":       {"phone.example;alias", []tls.Certificate{certificateOf("other.example")}, false},
		"not signed by who may": {"phone.example;alias", []tls.Certificate{certificateOf("phone.example")}, false},
		"no certificate":        {"phone.example;alias", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alice, bob := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060)
			x := startCluster(t, 1, everyTransport, anyContact, trusting(own), func(o *proxyOptions) {
				o.lookup = resolveKnown("phone.example", bob.addr.Addr().String())
				o.tls["tls"].ClientAuth = tls.RequestClientCert
			})[0]
			bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <sips:bob@phone.example>"))
			bob.status(200)
			proxy := connectFrom(t, bob.addr.Addr(), x, tt.sentBy, tt.shows)
			d := alice.ring(x.addr, "sip:bob@example.com")
			if tt.reuses {
				proxy.reply(proxy.request("INVITE"), 486, "Busy Here", "b")
				d.ackFailure(alice.status(486))
				return
			}
			r := alice.news()
			for r.StatusCode() < 200 {
				r = alice.news()
			}
			if r.StatusCode() != 480 && r.StatusCode() != 500 {
				t.Errorf("answered %d", r.StatusCode())
			}
			d.ackFailure(r)
		})
	}
}

// connectFrom is a proxy that has connected over TLS from an address, shown certificates and
// sent a request with that sent-by.
func connectFrom(t *testing.T, from netip.Addr, x *proxy, sentBy string, shows []tls.Certificate) *phone {
	t.Helper()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	conn, err := dialer.DialContext(t.Context(), "tcp", netip.AddrPortFrom(x.addr.Addr(), tlsPort).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p := &phone{t: t, user: "proxy", heard: map[string]bool{}, addr: conn.LocalAddr().(*net.TCPAddr).AddrPort()}
	p.over = &connection{
		Conn: tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: shows}), transport: flow.TLS, host: sentBy,
	}
	for range 2 { // it asks once
		p.sendRaw(x.addr, p.registerText(unique("reg"), 1))
		p.status(200)
	}
	return p
}
