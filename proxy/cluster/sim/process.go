package sim

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

// process is one life of a member: what package peer is in a real one.
type process struct {
	w           *world
	id          uint32
	incarnation uint64
	alive       bool
	paused      bool
	pauses      int
	held        []func() // what arrived while paused
	died, met   int64    // since when, µs
	skew        int64    // of its clock, ms
	membership  *cluster.Membership
	cores       []*cluster.Core
	effects     cluster.Effects
	told        [2]bool // synced, leaving: what the peers have been told
}

// start begins a life of the member.
func (w *world) start(id uint32) *process {
	p := &process{w: w, id: id, incarnation: w.rng.Uint64(), alive: true, skew: w.between(-5000, 5000)}
	p.membership = cluster.NewMembership(id, p.incarnation, 0)
	for i := range w.cores {
		p.cores = append(p.cores, cluster.NewCore(cluster.CoreConfig{
			Self: id, Incarnation: p.incarnation, Index: i, Cores: w.cores, SweepPeriod: 2000,
			Limits: location.Limits{MaxContacts: 10},
		}))
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
			w.connectLater(id, uint32(other+1))
		}
	}
	return p
}

// now is the member's clock.
func (p *process) now() int64 { return epoch2026 + p.w.now/ms + p.skew }

func (p *process) tick() {
	if !p.alive || p.w.stopped {
		return
	}
	if p.paused {
		p.held = append(p.held, p.tick)
		return
	}
	p.apply(p.membership.Tick(p.now()))
	p.step(p.tickCore)
	p.w.after(tick, p.tick)
}

// tickCore leaves a core alone for some ticks while nothing is under way in it, as package peer does.
func (p *process) tickCore(c *cluster.Core) {
	if c.Busy() || p.w.now/tick%restTicks == 0 {
		c.Tick(p.now(), &p.effects)
	}
}

// setChanged takes a set as it arrives from the operator.
func (p *process) setChanged(set *config.MemberSet) {
	p.run(func() { p.apply(p.membership.SetChanged(p.now(), set)) })
}

// apply gives a new view to every core.
func (p *process) apply(v *cluster.View) {
	if v == nil {
		return
	}
	p.w.trace("m%d view %d epoch %d ring %v next %v suspects %v", p.id, v.Version, v.Epoch, ids(v.Ring), ids(v.Next), v.Suspects)
	p.step(func(c *cluster.Core) { c.ViewChanged(p.now(), v, &p.effects) })
	p.tellState()
}

// run does what comes from outside if the process lives, once it runs.
func (p *process) run(do func()) {
	switch {
	case p.paused:
		p.held = append(p.held, do)
	case p.alive:
		do()
	}
}

// step runs one step on every core.
func (p *process) step(f func(*cluster.Core)) {
	for _, c := range p.cores {
		f(c)
		p.flush()
	}
}

// flush does what a step asked for.
func (p *process) flush() {
	e := &p.effects
	for _, s := range e.Sends {
		p.send(s.To, e.Bytes(s))
	}
	changed := e.Changed
	registers := append([]*cluster.RegisterOp(nil), e.Registers...)
	lookups := append([]*cluster.LookupOp(nil), e.Lookups...)
	e.Reset()
	for _, op := range registers {
		op.Done(op)
	}
	for _, op := range lookups {
		op.Done(op)
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

// tellState tells the peers whether this member is synced and leaving.
func (p *process) tellState() {
	synced, leaving := p.membership.SelfState()
	if p.told == [2]bool{synced, leaving} {
		return
	}
	p.told = [2]bool{synced, leaving}
	p.w.trace("m%d says synced %v leaving %v", p.id, synced, leaving)
	for i := range p.w.members {
		p.tellStateTo(uint32(i + 1))
	}
}

func (p *process) tellStateTo(to uint32) {
	synced, leaving := p.membership.SelfState()
	p.w.carry(p, to, func(q *process) {
		q.apply(q.membership.PeerState(q.now(), p.id, p.incarnation, synced, leaving))
	})
}

// tellMissed tells a peer, as the first thing on a stream, that it had been taken for dead.
func (p *process) tellMissed(to uint32) {
	if missed := p.membership.Missed(to); missed > 0 {
		p.w.carry(p, to, func(q *process) {
			q.apply(q.membership.PeerMissed(q.now(), p.id, p.incarnation, missed))
		})
	}
}

// send brings a message to the other end of the stream, if there is one.
func (p *process) send(to uint32, b []byte) {
	b = append([]byte(nil), b...)
	p.w.carry(p, to, func(q *process) {
		i, ok := cluster.CoreOfMessage(b)
		if !ok || i >= len(q.cores) {
			p.w.fail("protocol", "m%d sent a message for no core", p.id)
			return
		}
		q.cores[i].Message(q.now(), p.id, b, &q.effects)
		q.flush()
	})
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
	if p.w.members[p.id-1] == p {
		p.w.members[p.id-1] = nil
	}
}
