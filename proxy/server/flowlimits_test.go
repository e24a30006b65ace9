package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// What is too much is dropped where it is repeated, and answered where it is not.
func TestTooMuchOverAConnectionIsAnswered(t *testing.T) {
	t.Parallel()
	x := startProxy(t, everyTransport, func(o *proxyOptions) {
		o.config.Limits.NewPerSecond = 1 // and ten at a time
	})
	alice := newPhoneOver(t, flow.TCP, "alice", x)
	for n := 0; ; n++ {
		alice.ring(x.addr, "sip:nobody@example.com")
		answer := alice.news()
		if answer == nil || n == 100 {
			t.Fatalf("%d calls let in: %v", n, answer)
		}
		if answer.StatusCode() == 503 {
			if answer.value(wire.HeaderRetryAfter) == "" {
				t.Error("no Retry-After")
			}
			break
		}
	}
	if n := x.metrics.dropped[dropNew].Load(); n != 0 {
		t.Errorf("%d dropped", n)
	}
}

// The response to a request that came over a connection goes nowhere else when the
// member is dead that held it: at that address and port no datagram is expected.
func TestResponseForADeadConnectionIsNoDatagram(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice, bob := newPhoneOver(t, flow.TCP, "alice", x[0]), newPhone(t, "bob")
	at := newPhoneAt(t, "alice", alice.addr.String()) // datagrams to there
	bob.register(x[0])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	x[0].kill()
	invite.from = x[1].addr
	bob.reply(invite, 180, "Ringing", "b")
	counted(t, "go nowhere", x[1].metrics.dropped[dropNoDestination].Load, 1)
	at.quiet(20 * time.Millisecond)
}
