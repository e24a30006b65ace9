package sim

import (
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// operator publishes the member set, as the controllers do from pods and their readiness.
type operator struct {
	w *world

	epoch    uint64
	replicas int
	members  []config.Member
	past     []*config.MemberSet // what it has published

	seen   map[uint32]int64 // since when a member is other than published, µs
	wait   int64            // how long it looks before it believes, µs
	backAt int64            // it is away until then, µs
	unseen map[uint32]int64 // until when a member's readiness does not reach it, µs
}

func (o *operator) operate() {
	w := o.w
	if w.stopped {
		return
	}
	w.after(w.between(50, 150)*ms, o.operate)
	if w.now < o.backAt {
		return
	}
	changed := false
	for i := range o.members {
		m := &o.members[i]
		if want := o.wanted(m); want == m.State {
			delete(o.seen, m.ID)
		} else if since, ok := o.seen[m.ID]; !ok {
			o.seen[m.ID] = w.now
		} else if w.now-since >= o.wait {
			m.State, changed = want, true
			delete(o.seen, m.ID)
		}
	}
	if changed {
		o.publish()
	}
}

// byOperator has the operator do something, now or when it is back.
func (o *operator) byOperator(do func()) {
	w := o.w
	if back := o.backAt; w.now < back {
		w.queue.add(back, func() { o.byOperator(do) })
		return
	}
	do()
}

// wanted is the state in which the operator sees the member.
func (o *operator) wanted(m *config.Member) config.MemberState {
	if m.State == config.Draining {
		return config.Draining
	}
	switch {
	case o.seenReady(m.ID):
		return config.Active
	case m.State == config.Active && (o.w.running(m.ID) != nil || !o.othersReady(m.ID)):
		return config.Active // not ready is no reason to go, and an end none to leave nobody
	}
	return config.Joining
}

// seenReady reports whether the operator sees that the member is ready.
func (o *operator) seenReady(id uint32) bool {
	w := o.w
	p := w.running(id)
	if p == nil || w.now < o.unseen[id] {
		return false
	}
	synced, _ := p.membership.SelfState()
	return synced
}

func (o *operator) othersReady(not uint32) bool {
	w := o.w
	return slices.ContainsFunc(w.living(), func(p *process) bool { return p.id != not && o.seenReady(p.id) })
}

// longestTold is how late the operator tells a member of a set at most, where peers tell it too, µs.
const longestTold = 15 * second

// publish sends the set to the members, to each in its own time.
func (o *operator) publish() {
	w := o.w
	w.disturb()
	o.epoch++
	set := o.current()
	o.past = append(o.past, set)
	w.trace("operator publishes epoch %d, %d replicas: %s", o.epoch, o.replicas, describe(set))
	for _, p := range w.living() {
		if w.gossip && o.epoch > 1 && w.rng.IntN(2) == 0 { // it hears of it from its peers, if from anybody soon
			w.after(w.between(2*second, longestTold), func() { p.setChanged(set) })
			continue
		}
		o.tell(p, set)
	}
}

func (o *operator) tell(p *process, set *config.MemberSet) {
	w := o.w
	delay := w.between(1, 100) * ms
	if w.rng.IntN(5) == 0 {
		delay = w.between(100, 1500) * ms
	}
	w.after(delay, func() { p.setChanged(set) })
}

// current is the set as the operator has it.
func (o *operator) current() *config.MemberSet {
	w := o.w
	return &config.MemberSet{
		Epoch: o.epoch, Ring: config.Ring{Partitions: w.partitions, Replicas: o.replicas}, Members: slices.Clone(o.members),
	}
}

// found is the set that a process finds as it starts: the one published last, or, in a copy that is late, one before.
func (o *operator) found(id uint32) *config.MemberSet {
	w := o.w
	past := o.past
	if w.gossip {
		for range w.rng.IntN(4) {
			if n := len(past) - 1; n > 0 && has(past[n-1], id) {
				past = past[:n]
			}
		}
	}
	return past[len(past)-1]
}

func has(set *config.MemberSet, id uint32) bool {
	_, ok := set.Member(id)
	return ok
}

// enlist adds a member to the set.
func (o *operator) enlist(id uint32) {
	w := o.w
	zone := ""
	if w.cfg.Seed%4 == 0 {
		zone = fmt.Sprint("z", id%3)
	}
	o.members = append(o.members, config.Member{
		ID: id, Name: fmt.Sprint("m", id), Address: fmt.Sprintf("10.0.0.%d", id), Zone: zone, State: config.Joining,
	})
}

// delist takes a member out of the set.
func (o *operator) delist(id uint32, then func()) {
	o.byOperator(func() {
		o.members = slices.DeleteFunc(o.members, func(m config.Member) bool { return m.ID == id })
		o.publish()
		then()
	})
}

// published returns the member as published last, nil if it is not.
func (o *operator) published(id uint32) *config.Member {
	for i := range o.members {
		if o.members[i].ID == id {
			return &o.members[i]
		}
	}
	return nil
}

func describe(s *config.MemberSet) string {
	text := ""
	for _, m := range s.Members {
		text += fmt.Sprintf(" %d:%s", m.ID, m.State)
	}
	return text
}
