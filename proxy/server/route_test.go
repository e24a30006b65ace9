package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/wire"
)

func TestRFC3261_16_4_StrictRouterBeforeUs(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	target := caller.target
	caller.target, caller.routes = strings.Trim(caller.routes[0], "<>"), []string{"<" + target + ">"}
	caller.send("BYE")
	bye := bob.request("BYE")
	if string(bye.RequestURI()) != target || bye.Has(wire.HeaderRoute) {
		t.Errorf("Request-URI %s, Route %q", bye.RequestURI(), bye.values(wire.HeaderRoute))
	}
	bob.reply(bye, 200, "OK", "")
	alice.status(200)
}

func TestRFC3261_16_6_6_StrictRouterAfterUs(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, router := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "router")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	far := caller.target
	caller.routes = append(caller.routes, "<"+router.contact()+">", "<sip:p.example;lr>")
	caller.send("BYE")
	bye := router.request("BYE")
	if string(bye.RequestURI()) != router.contact() {
		t.Errorf("Request-URI %s", bye.RequestURI())
	}
	if diff := cmp.Diff([]string{"<sip:p.example;lr>", "<" + far + ">"}, bye.values(wire.HeaderRoute)); diff != "" {
		t.Error(diff)
	}
	router.reply(bye, 200, "OK", "")
	alice.status(200)
}

func TestRFC3261_16_6_6_StrictRoutersOnBothSides(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, router := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "router")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	far := caller.target
	// As the strict router before us leaves it: us in the request line, and what
	// was there at the end.
	caller.target, caller.routes = strings.Trim(caller.routes[0], "<>"), []string{"<sip:example.com;lr>", "<" + router.contact() + ">;x", "<sip:p.example;lr>", "<" + far + ">"}
	caller.send("BYE")
	bye := router.request("BYE")
	if string(bye.RequestURI()) != router.contact() {
		t.Errorf("Request-URI %s", bye.RequestURI())
	}
	if diff := cmp.Diff([]string{"<sip:p.example;lr>", "<" + far + ">"}, bye.values(wire.HeaderRoute)); diff != "" {
		t.Error(diff)
	}
	router.reply(bye, 200, "OK", "")
	alice.status(200)
}

func TestRFC3261_16_6_7_LooseRouteAfterUs(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, router := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "router")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	next := "<" + router.contact() + ";lr>"
	caller.routes = append(caller.routes, next)
	caller.send("BYE")
	bye := router.request("BYE")
	if string(bye.RequestURI()) != caller.target {
		t.Errorf("Request-URI %s", bye.RequestURI())
	}
	if diff := cmp.Diff([]string{next}, bye.values(wire.HeaderRoute)); diff != "" {
		t.Error(diff)
	}
	router.reply(bye, 200, "OK", "")
	alice.status(200)
}

// registerAt registers a contact for an address-of-record at a proxy.
func (p *phone) registerAt(x *proxy, aor, contact string) {
	p.t.Helper()
	text := p.registerText(unique("reg"), 1, "Contact: <"+contact+">")
	p.sendRaw(x.addr, bytes.ReplaceAll(text, []byte("To: <sip:bob@example.com>"), []byte("To: <"+aor+">")))
	p.status(200)
}

func TestRFC5393_4_2_2_LoopThroughTheClusterIsDetectedByTheNextPod(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	// bob is to be found at the second pod, which is to find him at itself.
	aor := fmt.Sprintf("sip:bob@example.com:%d", x[1].addr.Port())
	bob.registerAt(x[0], aor, aor+";maddr=127.0.0.1")
	d := alice.ring(x[0].addr, aor+";maddr=127.0.0.1")
	d.ackFailure(alice.status(482))
	if n := x[1].metrics.requests[wire.MethodInvite].Load(); n != 1 {
		t.Errorf("the request passed the second pod %d times", n)
	}
}

func TestRFC3261_16_3_SpiralThroughTheClusterPasses(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	// The first address leads to the second by the other pod, and that to bob by
	// the first pod again.
	at := func(user string, p *proxy) string {
		return fmt.Sprintf("sip:%s@example.com:%d", user, p.addr.Port())
	}
	bob.registerAt(x[0], "sip:office@example.com", at("desk", x[1])+";maddr=127.0.0.1")
	bob.registerAt(x[0], at("desk", x[1]), at("bob", x[0])+";maddr=127.0.0.1")
	bob.registerAt(x[0], at("bob", x[0]), bob.contact())
	d := alice.ring(x[0].addr, "sip:office@example.com")
	invite := bob.request("INVITE")
	if vias := invite.values(wire.HeaderVia); len(vias) != 4 {
		t.Errorf("Via %q, want three passes and the caller's", vias)
	}
	if routes := invite.values(wire.HeaderRecordRoute); len(routes) != 3 {
		t.Errorf("Record-Route %q, want one a pass", routes)
	}
	bob.reply(invite, 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
}

func TestRFC3261_16_3_LoopIsDetected(t *testing.T) {
	t.Parallel()
	x := startProxy(t, toItself)
	alice := newPhone(t, "alice")
	// bob is to be found at bob: the proxy sends to itself.
	bob := newPhone(t, "bob")
	aor := fmt.Sprintf("sip:bob@example.com:%d", x.addr.Port())
	text := bob.registerText("c", 1, "Contact: <"+aor+";maddr=127.0.0.1>")
	bob.sendRaw(x.addr, bytes.ReplaceAll(text, []byte("To: <sip:bob@example.com>"), []byte("To: <"+aor+">")))
	bob.status(200)
	d := alice.ring(x.addr, aor)
	d.ackFailure(alice.status(482))
}
