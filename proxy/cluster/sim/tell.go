package sim

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// tellState tells the peers whether this member is synced and leaving.
func (p *process) tellState() {
	synced, leaving := p.membership.SelfState()
	if p.told == [2]bool{synced, leaving} {
		return
	}
	p.belied = synced && p.misled()
	p.told = [2]bool{synced, leaving}
	p.w.trace("m%d says synced %v leaving %v", p.id, synced, leaving)
	for i := range p.w.members {
		p.tellStateTo(uint32(i + 1))
	}
}

func (p *process) tellStateTo(to uint32) {
	synced, leaving := p.membership.SelfState()
	p.w.network.carry(p, to, func(q *process) {
		q.apply(q.membership.PeerState(q.now(), p.id, p.incarnation, synced, leaving))
	})
}

// tellMissed tells a peer, as the first thing on a stream, that it had been taken for dead.
func (p *process) tellMissed(to uint32) {
	if missed := p.membership.Missed(to); missed > 0 {
		p.w.network.carry(p, to, func(q *process) {
			q.apply(q.membership.PeerMissed(q.now(), p.id, p.incarnation, missed))
		})
	}
}

// setChanged takes a set as it arrives from the operator or a peer.
func (p *process) setChanged(set *config.MemberSet) {
	p.run(func() {
		before := p.epoch()
		p.apply(p.membership.SetChanged(p.now(), set))
		if !p.w.gossip || p.epoch() == before {
			return
		}
		p.w.disturb()
		for i := range p.w.members { // whose next ping tells of an older one
			p.w.after(p.w.between(0, pingInterval), func() { p.run(func() { p.offerSet(uint32(i + 1)) }) })
		}
	})
}

// pingInterval is how often a peer tells the epoch it has, µs.
const pingInterval = 150 * ms

// offerSet sends a peer the set if it has an older one.
func (p *process) offerSet(to uint32) {
	if !p.w.gossip || to == p.id || p.epoch() == 0 {
		return
	}
	set := p.membership.View().Set
	p.w.network.carry(p, to, func(q *process) {
		if q.epoch() < set.Epoch {
			q.setChanged(set)
		}
	})
}

// epoch is that of the set in force, 0 if there is none.
func (p *process) epoch() uint64 {
	if v := p.membership.View(); v != nil {
		return v.Epoch
	}
	return 0
}

// send brings a message to the other end of the stream, if there is one.
func (p *process) send(to uint32, b []byte) {
	l := p.w.network.standing(p, to)
	if l == nil {
		return
	}
	b = append([]byte(nil), b...)
	q := l.ends[end(to, p.id)]
	p.w.network.deliver(l, p, q, func() {
		if p.w.bulk && kind(b) == kindPull {
			p.receiveLate(l, q, b)
			return
		}
		p.received(q, b)
	})
}

// received gives a message to the core of q that it is for.
func (p *process) received(q *process, b []byte) {
	i, ok := cluster.CoreOfMessage(b)
	if !ok || i >= len(q.cores) {
		p.w.fail("protocol", "m%d sent a message for no core", p.id)
		return
	}
	q.cores[i].Message(q.now(), p.id, b, &q.effects)
	q.flush()
}

// kindPull is the message by which a member asks for the records of partitions.
const kindPull = 9

func kind(b []byte) int { return int(b[0] & 0x0f) }

// bulkTime is the longest that it takes to send a partition that is much, µs.
const bulkTime = 4 * second

// receiveLate has q take a message as if what it asks for were so much that it took seconds to send beside the rest.
func (p *process) receiveLate(l *link, q *process, b []byte) {
	life := l.life
	p.w.after(p.w.between(200*ms, bulkTime), func() {
		if l.life == life && l.stands {
			q.run(func() { p.received(q, b) })
		}
	})
}
