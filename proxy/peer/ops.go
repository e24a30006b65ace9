package peer

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// front takes operations to their cores. A process that is stuck takes none. It
// holds nothing of its own: the lock of one core is all that an operation takes.
type front struct {
	view  *current
	sound *soundness
	cores *cores
	links *links
}

// register is Node.Register.
func (f *front) register(op *cluster.RegisterOp) {
	v := f.view.Load()
	if v == nil || f.sound.stuck.Load() {
		op.Status = location.StatusUnavailable
		op.Done(op)
		return
	}
	if f.links.unproving.Load() > 0 {
		op.Update.Proof = location.Proof{}
	}
	c, e := f.cores.of(v, op.Update.AOR), f.cores.takeEffects()
	c.mu.Lock()
	late := f.sound.stuck.Load() // it waited for the lock
	if !c.closed && !late {
		c.m.Register(f.cores.at(c), op, e)
		f.cores.settle(c, e)
	}
	c.mu.Unlock()
	f.cores.complete(e)
	if late {
		op.Status = location.StatusUnavailable
		op.Done(op)
	}
}

// lookup is Node.Lookup.
func (f *front) lookup(op *cluster.LookupOp) {
	v := f.view.Load()
	if v == nil || f.sound.stuck.Load() {
		op.Result = cluster.Unavailable
		op.Done(op)
		return
	}
	c, e := f.cores.of(v, op.AOR), f.cores.takeEffects()
	c.mu.Lock()
	late := f.sound.stuck.Load() // it waited for the lock
	if !c.closed && !late {
		c.m.Lookup(f.cores.at(c), op, e)
		f.cores.settle(c, e)
	}
	c.mu.Unlock()
	f.cores.complete(e)
	if late {
		op.Result = cluster.Unavailable
		op.Done(op)
	}
}
