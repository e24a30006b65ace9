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

func TestRFC3261_16_3_LoopIsDetected(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
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
