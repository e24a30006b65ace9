package peer

import (
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/wire"
)

// locator is the state machine that asks for contacts, and its lock.
type locator struct {
	mu sync.Mutex
	m  *cluster.Locator
}

// Locate asks for an address-of-record that a contact is registered for, here
// and then at every other member. op.Done is called exactly once, maybe before
// Locate returns.
func (n *Node) Locate(op *cluster.LocateOp) {
	v := n.view.Load()
	if v == nil {
		op.Result = cluster.Unavailable
		op.Done(op)
		return
	}
	op.AOR, op.Result = n.locateHere(op.URI, op.AOR[:0])
	n.stepLocator(func(l *cluster.Locator, e *cluster.Effects) { l.Begin(n.now(), v, op, e) })
}

// stepLocator runs a step of the locator and sends its questions. One that does
// not get into a queue is a question without an answer.
func (n *Node) stepLocator(f func(*cluster.Locator, *cluster.Effects)) {
	e := n.takeEffects()
	n.locator.mu.Lock()
	f(n.locator.m, e)
	busy := n.locator.m.Busy()
	n.locator.mu.Unlock()
	for _, m := range e.Sends {
		n.sendLocate(m.To, kindLocate, e.Bytes(m))
	}
	n.complete(e)
	if busy {
		n.stir()
	}
}

func (n *Node) sendLocate(to uint32, kind uint8, payload []byte) {
	if s := n.streamTo(to); s != nil && s.append(kind, payload) != nil {
		n.counters.queueFull.Add(1)
	}
}

// locateHere asks all cores of this member, and appends what is found to dst.
func (n *Node) locateHere(uri, dst []byte) ([]byte, cluster.LookupResult) {
	now, hash, all := n.now(), wire.HashURI(uri), cluster.NotFound
	for i := range n.cores {
		c, result := &n.cores[i], cluster.Unavailable
		c.mu.Lock()
		if !c.closed {
			dst, result = c.m.Locate(now, hash, uri, dst)
		}
		c.mu.Unlock()
		switch result {
		case cluster.Found:
			return dst, result
		case cluster.Unavailable:
			all = result
		}
	}
	return dst, all
}

// answerLocate answers another member's question.
func (n *Node) answerLocate(from uint32, payload []byte) {
	id, uri, ok := cluster.ReadQuestion(payload)
	if !ok {
		n.counters.badFrames.Add(1)
		return
	}
	var space [256]byte
	aor, result := n.locateHere(uri, space[:0])
	var answer [256]byte
	n.sendLocate(from, kindLocated, cluster.AppendAnswer(answer[:0], id, result, aor))
}

// located takes another member's answer.
func (n *Node) located(from uint32, payload []byte) {
	n.stepLocator(func(l *cluster.Locator, e *cluster.Effects) {
		if !l.Answered(from, payload, e) {
			n.counters.badFrames.Add(1)
		}
	})
}

// tickLocator has the locator see who has died and what took too long.
func (n *Node) tickLocator() {
	if v := n.view.Load(); v != nil {
		n.stepLocator(func(l *cluster.Locator, e *cluster.Effects) { l.Tick(n.now(), v, e) })
	}
}

// Locates counts what was asked for contacts.
func (n *Node) Locates() cluster.LocateStats {
	n.locator.mu.Lock()
	defer n.locator.mu.Unlock()
	return n.locator.m.Stats()
}
