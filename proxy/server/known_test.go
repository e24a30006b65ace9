package server

import (
	"net/netip"
	"testing"
)

// Strangers who use up what is theirs keep no phone out that has registered, nor
// anybody from what a call lets them.
func TestRegisteredPhonesFindRoomAmongStrangers(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.MaxTransactions = 4 })
	bob, mallory := newPhoneAt(t, "bob", "127.0.0.8:0"), newPhoneAt(t, "mallory", "127.0.0.9:0")
	bob.register(x)
	for range 3 {
		mallory.ring(x.addr, "sip:bob@example.com")
		bob.request("INVITE")
	}
	mallory.ring(x.addr, "sip:bob@example.com")
	mallory.status(503)
	bob.ring(x.addr, "sip:bob@example.com")
	bob.status(100)
}

func TestKnownSourcesAreForgotten(t *testing.T) {
	m := newFacts()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	m.add(m.source(a), known, 0, 60_000)
	for _, c := range []struct {
		address netip.Addr
		now     int64
		want    bool
	}{{a, 0, true}, {netip.MustParseAddr("::ffff:192.0.2.1"), 59_000, true}, {a, 60_000, false}, {b, 0, false}} {
		if got := m.has(m.source(c.address), known, c.now); got != c.want {
			t.Errorf("%s at %d: %v", c.address, c.now, got)
		}
	}
	if n := testing.AllocsPerRun(100, func() { m.has(m.source(a), known, 0) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
