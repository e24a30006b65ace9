package server

import (
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// TestRFC3327_CallsGoByThePath: a phone that registered by way of others is called
// by way of them.
func TestRFC3327_CallsGoByThePath(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, edge := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "edge")
	at := "sip:edge@" + edge.addr.String()
	register := func(path string, headers ...string) *received {
		text := bob.registerText(unique("reg"), 1, append(headers, "Contact: <sip:bob@10.0.0.9;transport=tcp>", "Path: "+path)...)
		edge.sendRaw(x.addr, []byte(strings.Replace(string(text), "Via: SIP/2.0/UDP "+bob.addr.String(), "Via: SIP/2.0/UDP "+edge.addr.String()+";branch="+unique("z9hG4bKe")+"\r\nVia: SIP/2.0/UDP 10.0.0.9", 1)))
		return edge.status(200)
	}
	for name, c := range map[string]struct{ path, uri, routes string }{
		"one":    {"<" + at + ";lr>", "sip:bob@10.0.0.9;transport=tcp", "<" + at + ";lr>"},
		"two":    {"<" + at + ";lr>, <sip:inner.example;lr>;x", "sip:bob@10.0.0.9;transport=tcp", "<" + at + ";lr> <sip:inner.example;lr>;x"},
		"strict": {"<" + at + ">,<sip:inner.example;lr>", at, "<sip:inner.example;lr> <sip:bob@10.0.0.9;transport=tcp>"},
	} {
		if ok := register(c.path, "Supported: path"); strings.Join(ok.values(wire.HeaderPath), ",") != strings.ReplaceAll(c.path, ", ", ",") {
			t.Errorf("%s: Path %q", name, ok.values(wire.HeaderPath))
		}
		if ok := register(c.path, "Supported: path"); ok.value(wire.HeaderServiceRoute) != "<sip:"+x.addr.String()+";lr>" {
			t.Errorf("%s: Service-Route %q", name, ok.values(wire.HeaderServiceRoute))
		}
		if ok := register(c.path); ok.Has(wire.HeaderPath) || ok.Has(wire.HeaderServiceRoute) {
			t.Errorf("%s: Path %q for who does not support it", name, ok.values(wire.HeaderPath))
		}
		d := alice.ring(x.addr, "sip:bob@example.com", "Route: <sip:alice@example.com;lr>")
		invite := edge.request("INVITE")
		if got := strings.Join(invite.values(wire.HeaderRoute), " "); got != c.routes || string(invite.RequestURI()) != c.uri {
			t.Errorf("%s: %s by %s, want %s by %s", name, invite.RequestURI(), got, c.uri, c.routes)
		}
		edge.reply(invite, 486, "Busy Here", "b")
		edge.request("ACK")
		d.ackFailure(alice.status(486))
	}
	for _, path := range []string{"<" + at + ";lr;transport=tls>", "<sips:" + edge.addr.String() + ";lr>", "<sip:[2001:db8::1];lr>"} {
		register(path)
		d := alice.ring(x.addr, "sip:bob@example.com")
		d.ackFailure(alice.status(480))
	}
	for _, p := range []*phone{bob, edge} {
		p.quiet(20 * time.Millisecond)
	}
}
