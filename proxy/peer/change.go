package peer

import (
	"encoding/binary"
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
)

// change is an event of one peer that may change the view. Its functions are
// called with Node.mu held.
type change struct {
	// event tells the membership.
	event func()
	// before is called when the view is known and no core has it yet, after when
	// all have it; nil does nothing.
	before func(v *cluster.View)
	after  func()
	made   bool
	// loss: the peer is down. It goes before what is no loss.
	loss bool
}

// maxTogether bounds how many changes are one: what a loss may wait for.
const maxTogether = 32

// changes wait for the one before them.
type changes struct {
	mu      sync.Mutex
	losses  []*change
	waiting []*change
}

func (c *changes) add(one *change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.loss {
		c.losses = append(c.losses, one)
	} else {
		c.waiting = append(c.waiting, one)
	}
}

// take returns the changes to make next, at most maxTogether.
func (c *changes) take() []*change {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := &c.waiting
	if len(c.losses) > 0 {
		from = &c.losses
	}
	n := min(len(*from), maxTogether)
	taken := (*from)[:n:n]
	*from = (*from)[n:]
	return taken
}

// change makes one change, and returns when every core has the view after it.
// Changes that wait for another become one view together: when hundreds of
// members meet, each has little to compute, and the loss of one does not wait
// for all the others. Of one peer only one change is under way at a time.
func (n *Node) change(one *change) {
	n.changes.add(one)
	n.mu.Lock()
	defer n.mu.Unlock()
	for !one.made {
		n.changeTogether(n.changes.take())
	}
}

func (n *Node) changeTogether(all []*change) {
	v := n.membership.Together(func() {
		for _, c := range all {
			c.event()
		}
	})
	for _, c := range all {
		if v != nil && c.before != nil {
			c.before(v)
		}
	}
	n.apply(v)
	for _, c := range all {
		c.made = true
		if c.after != nil {
			c.after()
		}
	}
}

// peerUp announces a stream that stands, before anything of it is read.
func (n *Node) peerUp(l *link, s *stream) {
	taken := false
	n.change(&change{
		event: func() {
			if (*n.links.Load())[l.id] != l || n.closed {
				s.fail(errClosed) // the member left or moved meanwhile
				return
			}
			l.up, taken = true, true
			n.membership.PeerUp(n.now(), l.id, s.peer.Incarnation, s.peer.Synced, s.peer.Leaving)
		},
		before: func(v *cluster.View) {
			if !taken {
				return
			}
			s.since.Store(v.Version)
			if missed := n.membership.Missed(l.id); missed > 0 {
				_ = s.append(kindMissed, binary.BigEndian.AppendUint64(nil, missed))
			}
		},
		after: func() {
			if !taken {
				return
			}
			n.events.add(Event{Kind: EventPeerUp, Member: l.id, Epoch: n.epoch()})
			n.log.Info("peer is up", "peer", l.peer().Name)
			n.told.send(s)
			if v := n.view.Load(); v.Pending {
				n.ask(l.id, awaited(v))
			}
			n.offerSet(s, s.peer.Epoch)
		},
	})
}

// peerDown announces that a member is dead or out of reach.
func (n *Node) peerDown(l *link, cause error) {
	n.change(&change{loss: true, event: func() {
		if (*n.links.Load())[l.id] == l && !n.closed {
			n.lose(l, cause)
		}
	}})
}

// lose tells the membership that a member is down; called with mu held.
func (n *Node) lose(l *link, cause error) *cluster.View {
	l.up = false
	n.counters.peerLosses.Add(1)
	n.events.add(Event{Kind: EventPeerLost, Member: l.id, Epoch: n.epoch(), Detail: cause.Error()})
	n.log.Warn("peer is down", "peer", l.peer().Name, "cause", cause, "refused", refused(cause))
	n.lost = append(n.lost, l)
	return n.membership.PeerDown(n.now(), l.id, cause.Error())
}
