package targets

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
)

const (
	// maxDatagram is the largest request that may go by UDP, in bytes, where nobody knows
	// what the path can carry (RFC 3261 18.1.1).
	maxDatagram = 1300
	// added is about what a request grows by here: Via and Record-Route for the most part.
	added = 250
)

// PreferTCP has a request that came with so many bytes go by TCP where it is too large for
// UDP and the far end's URI leaves the transport open (RFC 3261 18.1.1). Who does not
// answer by TCP gets it by UDP. An end with a flow is behind NAT and reached by that alone.
func PreferTCP(list []Target, size int, tables *routing.Tables) {
	if size+added <= maxDatagram || !tables.Carries(flow.TCP) {
		return
	}
	for i := range list {
		if t := &list[i]; t.open && !t.Failed {
			t.To.Transport, t.OrUDP = flow.TCP, true
		}
	}
}

// FallBack has a target that cannot be reached over TCP be tried over UDP, and reports
// whether it may be.
func (t *Target) FallBack() bool {
	if !t.OrUDP {
		return false
	}
	t.To.Transport, t.OrUDP = flow.UDP, false
	return true
}
