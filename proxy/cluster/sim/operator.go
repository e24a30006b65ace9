package sim

import (
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// operator publishes the member set, as the controllers do from pods and their readiness.
type operator struct {
	epoch   uint64
	members []config.Member
	seen    map[uint32]int64 // since when a member is other than published, µs
	wait    int64            // how long it looks before it believes, µs
}

func (w *world) operate() {
	if w.stopped {
		return
	}
	o := &w.operator
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
	w.after(w.between(50, 150)*ms, w.operate)
}

// wanted is the state in which the operator sees the member.
func (w *world) wanted(m *config.Member) config.MemberState {
	if m.State == config.Draining {
		return config.Draining
	}
	p := w.running(m.ID)
	ready := false
	if p != nil {
		ready, _ = p.membership.SelfState()
	}
	switch {
	case ready:
		return config.Active
	case m.State == config.Active && !w.othersReady(m.ID):
		return config.Active // rather a ring of the unready than none
	}
	return config.Joining
}

func (w *world) othersReady(not uint32) bool {
	return slices.ContainsFunc(w.living(), func(p *process) bool {
		synced, _ := p.membership.SelfState()
		return p.id != not && synced
	})
}

// publish sends the set to every member, to each in its own time.
func (w *world) publish() {
	o := &w.operator
	o.epoch++
	set := &config.MemberSet{
		Epoch: o.epoch, Ring: config.Ring{Partitions: w.partitions, Replicas: w.replicas}, Members: slices.Clone(o.members),
	}
	w.trace("operator publishes epoch %d: %s", o.epoch, describe(set))
	for _, p := range w.living() {
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

// current is the set published last.
func (w *world) current() *config.MemberSet {
	o := &w.operator
	return &config.MemberSet{
		Epoch: o.epoch, Ring: config.Ring{Partitions: w.partitions, Replicas: w.replicas}, Members: slices.Clone(o.members),
	}
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

func describe(s *config.MemberSet) string {
	text := ""
	for _, m := range s.Members {
		text += fmt.Sprintf(" %d:%s", m.ID, m.State)
	}
	return text
}
