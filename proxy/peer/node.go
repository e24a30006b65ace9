package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// Handler takes what other members send with Node.Send.
type Handler interface {
	// HandleFrame is called from the goroutine that reads the stream: frames of
	// one member come one at a time and in order. The payload is valid during
	// the call only. It must not block.
	HandleFrame(from uint32, kind uint8, payload []byte)
	// HandleReplaced takes a connection whose phone is back over another one, at the
	// home of its address-of-record. It may be called on any goroutine, and must not block.
	HandleReplaced(f flow.Flow)
	// HandleAway takes UDP flows of bindings whose owners are gone, at the home of each
	// address-of-record, as HandleReplaced is called. They are valid during the call only.
	HandleAway(flows []cluster.Away)
}

// Node is one member's part in the cluster: it drives proxy/cluster with real
// streams and time. What it does is done by its parts, each of which owns its
// state and its lock. All methods are safe for concurrent use.
type Node struct {
	cfg        Config
	identity   *identity
	events     *eventLog
	metrics    *metrics
	view       *current
	front      *front
	locator    *locator
	links      *links
	cores      *cores
	membership *membership
	delivery   *delivery
	redundancy *redundancy
	failovers  *failovers
	watchdog   *watchdog
	door       *door
	pace       *pace

	stop    context.CancelFunc
	running *sync.WaitGroup // all goroutines
}

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
	n := assemble(cfg, identity)
	address := net.JoinHostPort(cfg.Address, strconv.Itoa(cfg.Ports.Peer))
	if n.door.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", address); err != nil {
		return nil, fmt.Errorf("ports.peer: listen for peers: %w", err)
	}
	if err := n.metrics.register(cfg.Registry, n.cores, n.locator); err != nil {
		return nil, errors.Join(err, n.door.listener.Close())
	}
	n.run()
	return n, nil
}

func (n *Node) run() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.running.Go(func() { n.door.accept(ctx) })
	n.running.Go(func() { n.pace.loop(ctx, n.tick, n.membership.report) })
	n.running.Go(func() { n.watchdog.run(ctx) })
}

// tick lets time pass in the state machines.
func (n *Node) tick() {
	n.cfg.clock.follow()
	n.cores.tick()
	n.locator.tick()
	n.membership.tick()
	n.redundancy.tick()
	n.metrics.clockSkew.Set(n.links.skew().Seconds())
}

// Close ends all streams and goroutines at once; use Drain before it to leave
// in order. Ops under way are never Done. The cores end before the first stream:
// while one peer counts this member as dead and acknowledges updates without
// it, no other must get an answer from it.
func (n *Node) Close() {
	n.cores.close()
	n.stop()
	_ = n.door.listener.Close()
	n.membership.close()
	n.running.Wait()
}

// Drain leaves in order: out of the ring, then wait until others hold all that
// this member held, or the context ends.
func (n *Node) Drain(ctx context.Context) error { return n.membership.drain(ctx) }

// SetMembers takes a member set of this member's own source. An older epoch is
// ignored and counted, and so is the same epoch with other content. A newer one of
// the source wins over whatever peers have brought without a signature.
func (n *Node) SetMembers(set *config.MemberSet) { n.membership.setOwn(set) }

// Register hands over a REGISTER. op.Done is called exactly once, maybe before
// Register returns. 0 allocations once warm.
func (n *Node) Register(op *cluster.RegisterOp) { n.front.register(op) }

// Lookup asks for the bindings of an address-of-record. op.Done is called
// exactly once, maybe before Lookup returns. 0 allocations once warm.
func (n *Node) Lookup(op *cluster.LookupOp) { n.front.lookup(op) }

// Locate asks for an address-of-record that a contact is registered for, here
// and then at every other member. op.Done is called exactly once, maybe before
// Locate returns.
func (n *Node) Locate(op *cluster.LocateOp) { n.locator.begin(op) }

// Send hands a frame to another member; kind is KindUser or above. It never
// blocks. ErrNoStream and ErrQueueFull say why it was not sent.
func (n *Node) Send(to uint32, kind uint8, payload []byte) error {
	return n.links.send(to, kind, payload)
}

// Incarnation of this process.
func (n *Node) Incarnation() uint64 { return n.membership.self.Incarnation }

// View is the cluster as this member sees it now; nil before the first member
// set. It is immutable.
func (n *Node) View() *cluster.View { return n.view.Load() }

// SetsIgnored counts member sets, of whatever source, that were older or
// contradicted.
func (n *Node) SetsIgnored() cluster.Ignored { return n.membership.ignored() }

// Live reports whether this process makes steps; if not, where it hangs. A
// process that does not for long is to be started anew.
func (n *Node) Live() (bool, string) { return n.watchdog.live() }

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
