package server

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// A connection over which a phone has registered is counted when it is over, and shown as dead
// at the members that hear of it.
func TestEndsOfConnectionsAreShown(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	bob, carol := newPhoneOver(t, flow.TCP, "bob", x[0]), newPhoneOver(t, flow.TCP, "carol", x[0])
	bob.register(x[0])
	for _, p := range []*phone{bob, carol} { // carol has not registered
		_ = p.over.Close()
	}
	counted(t, "ends", x[0].metrics.endedFlows.Load, 1)
	counted(t, "dead flows", func() uint64 { return uint64(x[1].deaths.count(x[1].now())) }, 1)
	counted(t, "dead flows a minute later", func() uint64 { return uint64(x[1].deaths.count(x[1].now() + deathMillis)) }, 0)
}
