package sim

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// process is one life of a member: what package peer is in a real one.
type process struct {
	w           *world
	id          uint32
	lives       int // of the member, this one included
	incarnation uint64
	alive       bool
	died, met   int64 // since when, µs
	skew        int64 // of its clock, ms
	membership  *cluster.Membership
	cores       []*cluster.Core
	effects     cluster.Effects
	told        [2]bool // synced, leaving: what the peers have been told

	paused bool
	pauses int
	held   []func() // what arrived while paused
	dazed  bool     // its clock stood still, and it has not been told so
	apart  bool     // it reaches nobody
	belied bool     // it is synced because of what its set does not say, see misled
	lag    int64    // how late it does what it is to do, at most, µs
	busy   int64    // until when it is occupied with that, µs
}

// start begins a life of the member.
func (w *world) start(id uint32) *process {
	w.disturb()
	p := &process{w: w, id: id, lives: 1, incarnation: w.rng.Uint64(), alive: true, skew: w.between(-w.skew, w.skew)}
	p.membership = cluster.NewMembership(id, p.incarnation, 0)
	for i := range w.cores {
		p.cores = append(p.cores, cluster.NewCore(cluster.CoreConfig{
			Self: id, Incarnation: p.incarnation, Index: i, Cores: w.cores, SweepPeriod: 2000,
			Limits: location.Limits{MaxContacts: 10, NonceLife: nonceLife}, Budget: w.budget,
		}))
	}
	for _, q := range w.processes {
		if q.id == id {
			p.lives++
		}
	}
	for int(id) > len(w.members) {
		w.members = append(w.members, nil)
	}
	w.members[id-1] = p
	w.processes = append(w.processes, p)
	w.trace("m%d starts", id)
	w.after(w.between(0, tick), p.tick)
	for other := range w.members {
		if uint32(other+1) != id {
			w.network.connectLater(id, uint32(other+1))
		}
	}
	return p
}

// now is the member's clock.
func (p *process) now() int64 { return epoch2026 + p.w.now/ms + p.skew }

func (p *process) tick() {
	if p.alive && !p.w.stopped {
		p.run(p.tickNow)
	}
}

func (p *process) tickNow() {
	p.apply(p.membership.Tick(p.now()))
	for _, c := range p.cores {
		// A core is left alone for some ticks while nothing is under way in it, as package peer does.
		if c.Busy() || p.w.now/tick%restTicks == 0 {
			c.Tick(p.now(), &p.effects)
			p.flush()
		}
	}
	p.w.after(tick, p.tick)
}

// apply gives a new view to every core.
func (p *process) apply(v *cluster.View) {
	if v == nil {
		return
	}
	if p.w.cfg.Trace {
		p.w.trace("m%d view %d epoch %d ring %v next %v suspects %v", p.id, v.Version, v.Epoch, ids(v.Ring), ids(v.Next), v.Suspects)
	}
	for _, c := range p.cores {
		c.ViewChanged(p.now(), v, &p.effects)
		p.flush()
	}
	p.tellState()
}

// run does what comes from outside if the process lives, once it runs.
func (p *process) run(do func()) {
	switch {
	case p.paused:
		p.held = append(p.held, do)
	case !p.alive:
	case p.lag > 0 || p.busy > p.w.now:
		p.runLate(do)
	default:
		do()
	}
}

// runLate does it in its turn.
func (p *process) runLate(do func()) {
	p.busy = max(p.busy+1, p.w.now+p.w.between(0, p.lag))
	p.w.queue.add(p.busy, func() {
		switch {
		case p.paused:
			p.held = append(p.held, do)
		case p.alive:
			do()
		}
	})
}

// flush does what a step asked for.
func (p *process) flush() {
	e := &p.effects
	for _, s := range e.Sends {
		p.send(s.To, e.Bytes(s))
	}
	changed := e.Changed
	if len(e.Registers)+len(e.Lookups) == 0 {
		e.Reset()
	} else {
		registers := append([]*cluster.RegisterOp(nil), e.Registers...)
		lookups := append([]*cluster.LookupOp(nil), e.Lookups...)
		e.Reset()
		for _, op := range registers {
			op.Done(op)
		}
		for _, op := range lookups {
			op.Done(op)
		}
	}
	if changed {
		p.progress()
	}
}

// progress tells the membership how far the cores are.
func (p *process) progress() {
	sum := p.cores[0].Progress()
	for _, c := range p.cores[1:] {
		sum = sum.Add(c.Progress())
	}
	p.apply(p.membership.Progress(p.now(), sum))
}

// core returns the core of an AOR, the first if there is no view yet.
func (p *process) core(aor []byte) *cluster.Core {
	v := p.membership.View()
	if v == nil {
		return p.cores[0]
	}
	return p.cores[v.Partition(aor)%len(p.cores)]
}

// kill ends the life. What it had in memory stays to be looked at.
func (p *process) kill() {
	p.alive = false
	p.died = p.w.now
	if p.w.members[p.id-1] == p {
		p.w.members[p.id-1] = nil
	}
}
