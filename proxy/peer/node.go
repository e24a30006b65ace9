package peer

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

// Handler takes what other members send with Node.Send.
type Handler interface {
	// HandleFrame is called from the goroutine that reads the stream: frames of
	// one member come one at a time and in order. The payload is valid during
	// the call only. It must not block.
	HandleFrame(from uint32, kind uint8, payload []byte)
}

// Config is what a Node needs.
type Config struct {
	// Cluster, ID and Name say who this member is; Address is where it binds.
	Cluster string
	ID      uint32
	Name    string
	Address string
	Ports   config.Ports
	// Keys of the cluster, at least one.
	Keys *config.Keys
	// Limits of one address-of-record.
	Limits location.Limits
	// Budget is how many bytes bindings may take at this member until new
	// addresses-of-record are refused, here and at whoever shares them; 0 is
	// without bound.
	Budget int
	// Handler of frames from other members.
	Handler Handler
	// Suspects, if set, is called with the names of the members that are down,
	// on change only, from one goroutine at a time. It must not block.
	Suspects func([]string)
	// Trust, if set, says whose signature makes the member set of a peer believed;
	// nil while nobody signs. It is called from any goroutine.
	Trust func() *config.Trust
	// Log; nil discards.
	Log *slog.Logger

	clock       *clock // nil: that of the machine
	unknownWait int64  // 0: defaultUnknownWait
}

func (c *Config) validate() error {
	switch _, err := netip.ParseAddr(c.Address); {
	case c.Keys == nil || len(c.Keys.Keys) == 0:
		return errors.New("start peer: no keys")
	case c.ID == 0:
		return errors.New("start peer: no id")
	case c.Handler == nil:
		return errors.New("start peer: no handler")
	case err != nil:
		return fmt.Errorf("start peer: address: %w", err)
	}
	return nil
}

// Node is one member's part in the cluster: it drives proxy/cluster with real
// streams and time. All methods are safe for concurrent use.
type Node struct {
	cfg      Config
	log      *slog.Logger
	self     hello // without what changes: epoch, synced, leaving
	identity *identity
	tls      *tls.Config // of identity
	listener net.Listener
	door     *door
	clock    *clock
	events   *eventLog
	counters counters

	// mu orders membership events: each view reaches every core before the next.
	mu         sync.Mutex
	membership *cluster.Membership
	told       selfState
	asked      int64 // when others were asked for members that were never met
	rehomed    uint64
	lost       []*link // down since the last view, to measure the time to the ring
	severed    []*link // up until the last set, which ended them
	closed     bool

	own       *config.MemberSet // the newest of this member's own source
	refusedAt time.Time         // when a peer's set was last logged as refused

	changes changes // of peers, that wait for mu
	view    atomic.Pointer[cluster.View]
	cores   [cluster.Cores]core
	effects sync.Pool
	locator locator

	soundness
	resting   atomic.Bool                             // the loop ticks at restInterval
	stirred   chan struct{}                           // capacity 1: it is to tick at tickInterval
	links     atomic.Pointer[map[uint32]*link]        // replaced, never changed
	addresses atomic.Pointer[map[netip.Addr]struct{}] // of the members of the set; replaced, never changed
	progress  chan struct{}
	drained   chan struct{}

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

type selfState struct{ synced, leaving bool }

// defaultUnknownWait is how long, in milliseconds, a published member that was
// never met, and that nobody vouches for, may keep this one from concluding
// anything from its silence.
const defaultUnknownWait = 3000

// Start binds the peer port and begins; members come with SetMembers.
func Start(cfg Config) (*Node, error) {
	if cfg.clock == nil {
		cfg.clock = newClock()
	}
	cfg.unknownWait = cmp.Or(cfg.unknownWait, defaultUnknownWait)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	identity, err := newIdentity(cfg.Keys)
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, identity: identity, tls: identity.config(), door: newDoor(), clock: cfg.clock, events: newEventLog(),
		self:     hello{Version: protocolVersion, Cluster: cfg.Cluster, ID: cfg.ID, Name: cfg.Name, Incarnation: newIncarnation(), Beats: true, Vouches: true},
		progress: make(chan struct{}, 1), stirred: make(chan struct{}, 1), drained: make(chan struct{}),
	}
	n.tls.GetConfigForClient = n.examine
	n.effects.New = func() any { return &cluster.Effects{} }
	n.links.Store(&map[uint32]*link{})
	n.membership = cluster.NewMembership(cfg.ID, n.self.Incarnation, cfg.unknownWait)
	n.locator.m = cluster.NewLocator(n.self.Incarnation)
	for i := range n.cores {
		n.cores[i].m = cluster.NewCore(cluster.CoreConfig{Self: cfg.ID, Incarnation: n.self.Incarnation, Index: i, Cores: cluster.Cores, Limits: cfg.Limits, Budget: cfg.Budget / cluster.Cores})
	}
	address := net.JoinHostPort(cfg.Address, strconv.Itoa(cfg.Ports.Peer))
	if n.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", address); err != nil {
		return nil, fmt.Errorf("ports.peer: listen for peers: %w", err)
	}
	n.run()
	return n, nil
}

func (n *Node) run() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.stopped.Go(func() { n.accept(ctx) })
	n.stopped.Go(func() { n.loop(ctx) })
	n.stopped.Go(func() { n.guard(ctx) })
}

// newIncarnation is a random number that is not 0, another for every process.
func newIncarnation() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:]) | 1
}

// Close ends all streams and goroutines at once; use Drain before it to leave
// in order. Ops under way are never Done. The cores end before the first stream:
// while one peer counts this member as dead and acknowledges updates without
// it, no other must get an answer from it.
func (n *Node) Close() {
	for i := range n.cores {
		n.cores[i].close()
	}
	n.stop()
	_ = n.listener.Close()
	n.mu.Lock()
	n.closed = true // that it lets go of the others is no news of theirs
	for _, l := range *n.links.Load() {
		l.stop()
	}
	n.mu.Unlock()
	n.stopped.Wait()
}

// Incarnation of this process.
func (n *Node) Incarnation() uint64 { return n.self.Incarnation }

// ID of this member.
func (n *Node) ID() uint32 { return n.cfg.ID }

// View is the cluster as this member sees it now; nil before the first member
// set. It is immutable.
func (n *Node) View() *cluster.View { return n.view.Load() }

// Ready tells whether this member is in the set and holds what it owns, or is
// handing that over; if not, why.
func (n *Node) Ready() (bool, string) {
	v := n.View()
	if v == nil {
		return false, "no member set yet"
	}
	_, ok := v.Member(n.cfg.ID)
	live, why := n.Live()
	switch {
	case !live:
		return false, why
	case v.Superseded:
		return false, "no longer in the member set"
	case !ok:
		return false, "not in the member set yet"
	case !v.Synced:
		return false, "waiting for the bindings that it will own"
	}
	return true, ""
}

// Events returns the kept events after that sequence number, oldest first.
func (n *Node) Events(after uint64) []Event {
	events, _ := n.events.since(after)
	return events
}

// EventsChanged is closed at the next event.
func (n *Node) EventsChanged() <-chan struct{} {
	_, changed := n.events.since(^uint64(0))
	return changed
}

func (n *Node) peerPort() uint16 { return uint16(n.cfg.Ports.Peer) }
