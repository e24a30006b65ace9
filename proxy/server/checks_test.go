package server

import (
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// A policy may have a request wait while it asks somebody, and the loop goes on:
// what comes meanwhile is handled, and what waited is when it has its answer.
func TestPolicyThatWaits(t *testing.T) {
	t.Parallel()
	waiting := make(chan *routing.Decision, 10)
	x := startProxy(t, func(o *proxyOptions) {
		o.config.UDPLoops = 1
		o.checks.Authorize = []routing.Policy{{Name: "ask", Check: func(_ *routing.Tables, m *wire.Message, d *routing.Decision) routing.Verdict {
			if m.Method() == wire.MethodRegister || m.Method() == wire.MethodOptions || m.Method() == wire.MethodAck {
				return routing.Next
			}
			waiting <- d
			return routing.Wait
		}}}
	})
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	let := alice.ring(x.addr, "sip:bob@example.com")
	first := receive(t, waiting)
	refused := alice.ring(x.addr, "sip:bob@example.com")
	second := receive(t, waiting)
	alice.sendRaw(x.addr, []byte(strings.ReplaceAll(string(bob.registerText(unique("reg"), 1)), bob.addr.String(), alice.addr.String())))
	alice.status(200) // of the REGISTER, while both wait
	bob.quiet(20 * time.Millisecond)
	go first.Resume(routing.Next)
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	let.ackFailure(alice.status(486))
	go second.Resume(second.Reject(403, "Not You", "not_you", nil))
	refused.ackFailure(alice.status(403))
	bob.quiet(20 * time.Millisecond)
}

func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	return v
}
