package peer

import (
	"errors"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// Register hands over a REGISTER. op.Done is called exactly once, maybe before
// Register returns. 0 allocations once warm.
func (n *Node) Register(op *cluster.RegisterOp) {
	v := n.view.Load()
	if v == nil || n.stuck.Load() {
		op.Status = location.StatusUnavailable
		op.Done(op)
		return
	}
	c, e := n.coreOf(v, op.Update.AOR), n.takeEffects()
	c.mu.Lock()
	late := n.stuck.Load() // it waited for the lock
	if !c.closed && !late {
		c.m.Register(n.at(c), op, e)
		n.settle(c, e)
	}
	c.mu.Unlock()
	n.complete(e)
	if late {
		op.Status = location.StatusUnavailable
		op.Done(op)
	}
}

// Lookup asks for the bindings of an address-of-record. op.Done is called
// exactly once, maybe before Lookup returns. 0 allocations once warm.
func (n *Node) Lookup(op *cluster.LookupOp) {
	v := n.view.Load()
	if v == nil || n.stuck.Load() {
		op.Result = cluster.Unavailable
		op.Done(op)
		return
	}
	c, e := n.coreOf(v, op.AOR), n.takeEffects()
	c.mu.Lock()
	late := n.stuck.Load() // it waited for the lock
	if !c.closed && !late {
		c.m.Lookup(n.at(c), op, e)
		n.settle(c, e)
	}
	c.mu.Unlock()
	n.complete(e)
	if late {
		op.Result = cluster.Unavailable
		op.Done(op)
	}
}

// Send hands a frame to another member; kind is KindUser or above. It never
// blocks. ErrNoStream and ErrQueueFull say why it was not sent.
func (n *Node) Send(to uint32, kind uint8, payload []byte) error {
	s := n.streamTo(to)
	if s == nil {
		return ErrNoStream
	}
	err := s.append(kind, payload)
	if errors.Is(err, ErrQueueFull) {
		n.counters.queueFull.Add(1)
	}
	return err
}

// streamTo is the stream to the member, nil if there is none.
func (n *Node) streamTo(id uint32) *stream {
	if l := (*n.links.Load())[id]; l != nil {
		return l.stream()
	}
	return nil
}
