package sim

import (
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// operator publishes the member set, as the controllers do from pods and their readiness.
type operator struct {
	epoch    uint64
	replicas int
	members  []config.Member
	past     []*config.MemberSet // what it has published

	seen   map[uint32]int64 // since when a member is other than published, µs
	wait   int64            // how long it looks before it believes, µs
	backAt int64            // it is away until then, µs
	unseen map[uint32]int64 // until when a member's readiness does not reach it, µs
}

func (w *world) operate() {
	if w.stopped {
		return
	}
	w.after(w.between(50, 150)*ms, w.operate)
	o := &w.operator
	if w.now < o.backAt {
		return
	}
	changed := false
	for i := range o.members {
		m := &o.members[i]
		if want := w.wanted(m); want == m.State {
			delete(o.seen, m.ID)
		} else if since, ok := o.seen[m.ID]; !ok {
			o.seen[m.ID] = w.now
		} else if w.now-since >= o.wait {
			m.State, changed = want, true
			delete(o.seen, m.ID)
		}
	}
	if changed {
		w.publish()
	}
}

// byOperator has the operator do something, now or when it is back.
func (w *world) byOperator(do func()) {
	if back := w.operator.backAt; w.now < back {
		w.queue.add(back, func() { w.byOperator(do) })
		return
	}
	do()
}

// wanted is the state in which the operator sees the member.
func (w *world) wanted(m *config.Member) config.MemberState {
	if m.State == config.Draining {
		return config.Draining
	}
	switch {
	case w.seenReady(m.ID):
		return config.Active
	case m.State == config.Active && (w.running(m.ID) != nil || !w.othersReady(m.ID)):
		return config.Active // not ready is no reason to go, and an end none to leave nobody
	}
	return config.Joining
}

// seenReady reports whether the operator sees that the member is ready.
func (w *world) seenReady(id uint32) bool {
	p := w.running(id)
	if p == nil || w.now < w.operator.unseen[id] {
		return false
	}
	synced, _ := p.membership.SelfState()
	return synced
}

func (w *world) othersReady(not uint32) bool {
	return slices.ContainsFunc(w.living(), func(p *process) bool { return p.id != not && w.seenReady(p.id) })
}

// longestTold is how late the operator tells a member of a set at most, where peers tell it too, µs.
const longestTold = 15 * second

// publish sends the set to the members, to each in its own time.
func (w *world) publish() {
	w.disturb()
	o := &w.operator
	o.epoch++
	set := w.current()
	o.past = append(o.past, set)
	w.trace("operator publishes epoch %d, %d replicas: %s", o.epoch, o.replicas, describe(set))
	for _, p := range w.living() {
		if w.gossip && o.epoch > 1 && w.rng.IntN(2) == 0 { // it hears of it from its peers, if from anybody soon
			w.after(w.between(2*second, longestTold), func() { p.setChanged(set) })
			continue
		}
		w.tell(p, set)
	}
}

func (w *world) tell(p *process, set *config.MemberSet) {
	delay := w.between(1, 100) * ms
	if w.rng.IntN(5) == 0 {
		delay = w.between(100, 1500) * ms
	}
	w.after(delay, func() { p.setChanged(set) })
}

// current is the set as the operator has it.
func (w *world) current() *config.MemberSet {
	o := &w.operator
	return &config.MemberSet{
		Epoch: o.epoch, Ring: config.Ring{Partitions: w.partitions, Replicas: o.replicas}, Members: slices.Clone(o.members),
	}
}

// found is the set that a process finds as it starts: the one published last, or, in a copy that is late, one before.
func (w *world) found(id uint32) *config.MemberSet {
	past := w.operator.past
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
func (w *world) enlist(id uint32) {
	zone := ""
	if w.cfg.Seed%4 == 0 {
		zone = fmt.Sprint("z", id%3)
	}
	w.operator.members = append(w.operator.members, config.Member{
		ID: id, Name: fmt.Sprint("m", id), Address: fmt.Sprintf("10.0.0.%d", id), Zone: zone, State: config.Joining,
	})
}

// delist takes a member out of the set.
func (w *world) delist(id uint32, then func()) {
	w.byOperator(func() {
		o := &w.operator
		o.members = slices.DeleteFunc(o.members, func(m config.Member) bool { return m.ID == id })
		w.publish()
		then()
	})
}

// published returns the member as published last, nil if it is not.
func (w *world) published(id uint32) *config.Member {
	for i := range w.operator.members {
		if w.operator.members[i].ID == id {
			return &w.operator.members[i]
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
