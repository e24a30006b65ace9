package peer

import (
	"crypto/rand"
	"encoding/binary"
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
)

// assemble makes the parts of a node and has them know each other. Nothing runs
// yet. Locks are taken in this order, none is taken the other way round:
// membership, a core or the locator, a link, a stream, and last those that are
// held for a moment only (events, changes, soundness).
func assemble(cfg Config, identity *identity) *Node {
	n := &Node{
		cfg: cfg, identity: identity, events: newEventLog(), metrics: newMetrics(),
		view: &current{}, pace: newPace(), failovers: &failovers{}, running: &sync.WaitGroup{},
	}
	incarnation, sound := newIncarnation(), &soundness{}
	n.links = newLinks(cfg.ID, n.metrics)
	n.cores = newCores(&cfg, incarnation, n.links, n.pace, n.metrics)
	n.redundancy = &redundancy{cores: n.cores, metrics: n.metrics, view: n.view, events: n.events, log: cfg.Log}
	n.front = &front{view: n.view, sound: sound, cores: n.cores, links: n.links}
	n.locator = &locator{
		m:    cluster.NewLocator(incarnation),
		view: n.view, clock: cfg.clock, cores: n.cores, links: n.links, pace: n.pace, metrics: n.metrics,
	}
	vouching := &vouching{self: cfg.ID, wait: cfg.unknownWait, view: n.view, links: n.links, metrics: n.metrics}
	n.membership = &membership{
		self:    hello{Version: protocolVersion, Oldest: oldestProtocol, Cluster: cfg.Cluster, ID: cfg.ID, Name: cfg.Name, Incarnation: incarnation, Beats: true, Clocks: true, Vouches: true, Proofs: true},
		machine: cluster.NewMembership(cfg.ID, incarnation, cfg.unknownWait), drained: make(chan struct{}),
		clock: cfg.clock, view: n.view, cores: n.cores, links: n.links, pace: n.pace, events: n.events, metrics: n.metrics, log: cfg.Log,
		suspects: cfg.Suspects, vouching: vouching, learner: learner{trusted: cfg.Trust},
		news: news{events: n.events, log: cfg.Log, metrics: n.metrics, cores: n.cores, redundancy: n.redundancy, failovers: n.failovers, conclusions: conclusions{self: cfg.ID}},
	}
	n.delivery = &delivery{
		cores: n.cores, locator: n.locator, membership: n.membership, vouching: vouching,
		view: n.view, metrics: n.metrics, handler: cfg.Handler,
	}
	around := &surroundings{
		self: cfg.ID, sound: sound, links: n.links, identity: identity, membership: n.membership, delivery: n.delivery, running: n.running,
		dialler: &dialler{from: cfg.Address, port: uint16(cfg.Ports.Peer), identity: identity, tls: identity.config(), membership: n.membership, view: n.view, links: n.links, wire: cfg.wire},
	}
	n.membership.open = around.open
	n.watchdog = &watchdog{
		sound: sound, pace: n.pace, clock: cfg.clock, cores: n.cores, links: n.links,
		view: n.view, metrics: n.metrics, events: n.events, log: cfg.Log,
	}
	n.door = (&door{
		self: cfg.ID, identity: identity, clock: cfg.clock, sound: sound, view: n.view, links: n.links,
		membership: n.membership, metrics: n.metrics, running: n.running, log: cfg.Log,
	}).build()
	return n
}

// newIncarnation is a random number that is not 0, another for every process.
func newIncarnation() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:]) | 1
}
