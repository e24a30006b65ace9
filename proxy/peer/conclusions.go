package peer

import (
	"errors"
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// setWait is how long a member that is back, and has a newer member set, may take to
// bring it.
const setWait = 2 * time.Second

// conclusion is a change of the ring by losses that this member saw.
type conclusion struct {
	lost  []loss
	moved int64     // bindings re-homed here by it
	at    time.Time // when the ring was without them
}

// certain tells whether no cut of the network can have made it: the processes ended,
// or the member set says that they are elsewhere.
func (c *conclusion) certain() bool {
	return !slices.ContainsFunc(c.lost, func(l loss) bool { return !refused(l.cause) && !errors.Is(l.cause, errMoved) })
}

// conclusions are those of which it is not certain that they are failovers: a member
// that is cut off sees all others lost, and they see it lost. One of the two sides
// counts. A conclusion is confirmed when
//   - more than half of the ring before is heard after it, this member included: at
//     most one side can say so;
//   - a newer member set goes on with this member, and without one that is lost;
//   - a lost member is back as another process: it did end.
//
// It is dropped when
//   - a newer member set goes on without this member;
//   - a lost member is back as the same process: this member was cut off. Where that
//     cut the ring in two halves, the one with the lowest ID counts.
//
// So the sum of what members count is what happened once. Guarded by membership.mu.
type conclusions struct {
	self uint32
	open []conclusion
	base []uint32 // the ring before the first of them
}

// judgement says what became of conclusions.
type judgement struct{ confirmed, dropped []conclusion }

// add takes one of a ring that was before, and is true if it is certain.
func (cs *conclusions) add(c conclusion, before []uint32) bool {
	if c.certain() {
		return true
	}
	if len(cs.open) == 0 {
		cs.base = before
	}
	cs.open = append(cs.open, c)
	return false
}

// members is how many are lost by what is open.
func (cs *conclusions) members() (n int) {
	for _, c := range cs.open {
		n += len(c.lost)
	}
	return n
}

// lost tells whether the member is, by what is open.
func (cs *conclusions) lost(id uint32) bool {
	return slices.ContainsFunc(cs.open, func(c conclusion) bool {
		return slices.ContainsFunc(c.lost, func(l loss) bool { return l.id == id })
	})
}

// returned notes that the member is back, with a member set of that epoch.
func (cs *conclusions) returned(id uint32, incarnation, epoch uint64, at time.Time) {
	for _, c := range cs.open {
		for i := range c.lost {
			if l := &c.lost[i]; l.id == id && l.back.at.IsZero() {
				l.back = comeback{at, incarnation, epoch}
			}
		}
	}
}

// published takes a newer member set.
func (cs *conclusions) published(set *config.MemberSet) (v judgement) {
	if self, ok := set.Member(cs.self); !ok || self.State != config.Active {
		v.dropped = cs.settle(func(*conclusion) bool { return true })
		return v
	}
	v.confirmed = cs.settle(func(c *conclusion) bool {
		return slices.ContainsFunc(c.lost, func(l loss) bool {
			m, ok := set.Member(l.id)
			return !ok || m.State != config.Active || m.Address != l.member.Address
		})
	})
	return v
}

// look decides by who is heard, when, and by who is back. The member set in force has
// the epoch.
func (cs *conclusions) look(epoch uint64, now time.Time, lastHeard func(id uint32) time.Time) (v judgement) {
	if len(cs.open) == 0 {
		return v
	}
	v.confirmed = cs.settle(func(c *conclusion) bool { return cs.most(c.at, lastHeard) })
	anyBack := func(c *conclusion, same bool) bool {
		return slices.ContainsFunc(c.lost, func(l loss) bool {
			return l.back.due(epoch, now) && (l.back.incarnation == l.incarnation) == same
		})
	}
	cutOff := slices.ContainsFunc(cs.open, func(c conclusion) bool { return anyBack(&c, true) })
	switch all := func(*conclusion) bool { return true }; {
	case cutOff && cs.firstHalf():
		v.confirmed = append(v.confirmed, cs.settle(all)...)
	case cutOff:
		v.dropped = cs.settle(all)
	default:
		v.confirmed = append(v.confirmed, cs.settle(func(c *conclusion) bool { return anyBack(c, false) })...)
	}
	return v
}

// most tells whether more than half of the ring before was heard since, and was not
// lost meanwhile.
func (cs *conclusions) most(since time.Time, lastHeard func(id uint32) time.Time) bool {
	n := 0
	for _, id := range cs.base {
		if id == cs.self || !cs.lost(id) && lastHeard(id).After(since) {
			n++
		}
	}
	return 2*n > len(cs.base)
}

// firstHalf tells whether this member's side is one half of the ring before, and has
// the lowest ID.
func (cs *conclusions) firstHalf() bool {
	lost := 0
	for _, id := range cs.base {
		if cs.lost(id) {
			lost++
		}
	}
	return 2*lost == len(cs.base) && lost > 0 && !cs.lost(slices.Min(cs.base))
}

// settle takes out those of which which is true.
func (cs *conclusions) settle(which func(*conclusion) bool) (out []conclusion) {
	var open []conclusion
	for _, c := range cs.open {
		if which(&c) {
			out = append(out, c)
		} else {
			open = append(open, c)
		}
	}
	cs.open = open
	return out
}

// comeback is that of a lost member, with the member set that it had.
type comeback struct {
	at                 time.Time // zero: there was none
	incarnation, epoch uint64
}

// due tells whether it is to be judged: who comes back with a newer member set brings
// that first, and it may say who was cut off.
func (b *comeback) due(epoch uint64, now time.Time) bool {
	return !b.at.IsZero() && (b.epoch <= epoch || now.Sub(b.at) >= setWait)
}
