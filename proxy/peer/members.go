package peer

import (
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// membership makes the view: of the member set, of who is up and of what the cores
// hold. Its lock is the first of all: it orders events, and every core has the view
// after one before the next. So it is held while a core hangs, and nothing of the
// hot path, nor the watchdog, takes it.
type membership struct {
	self     hello // without what changes: epoch, synced, leaving
	clock    *clock
	view     *current
	cores    *cores
	links    *links
	pace     *pace
	events   *eventLog
	metrics  *metrics
	log      *slog.Logger
	open     func(config.Member) *link   // begins a link
	suspects func(names, ended []string) // Config.Suspects; may be nil

	changes changes // of peers, that wait for mu
	drained chan struct{}

	mu       sync.Mutex // guards what follows
	machine  *cluster.Membership
	learner  learner
	vouching *vouching
	news     news
	told     selfState
	severed  []*link // up until the last set, which ended them
	closed   bool
}

type selfState struct{ synced, leaving bool }

// close ends all links. It does not wait for them.
func (m *membership) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true // that this member lets go of the others is no news of theirs
	for _, l := range m.links.all() {
		l.stop()
	}
}

// setOwn is Node.SetMembers.
func (m *membership) setOwn(set *config.MemberSet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	above := m.learner.overrule(set, m.view.set())
	m.learner.follow(set)
	m.set(above)
}

// set puts a set in force if it is newer; called with mu held.
func (m *membership) set(set *config.MemberSet) {
	before := m.view.set()
	m.apply(m.machine.SetChanged(m.clock.now(), set))
	for _, l := range m.severed {
		m.apply(m.lose(l, errMoved))
	}
	m.severed = m.severed[:0]
	if now := m.view.set(); now == set && now != before {
		m.news.published(set)
		m.log.Info("member set applied", "epoch", set.Epoch, "members", len(set.Members), "signed", len(set.Signatures) > 0)
	}
}

// errMoved: what was up is no longer listed, or listed at another address. Its
// link is gone, so nothing else would ever say that it is down.
var errMoved = errors.New("no longer listed at its address")

// hello is what this member says of itself now.
func (m *membership) hello() *hello {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.self
	if v := m.view.Load(); v != nil {
		h.Epoch, h.Ring = v.Epoch, &v.Set.Ring
	}
	h.Synced, h.Leaving = m.machine.SelfState()
	return &h
}

// tick lets time pass.
func (m *membership) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.vouching.askAround(m.clock.now())
	m.apply(m.machine.Tick(m.clock.now()))
	m.news.look(m.view.epoch(), m.links)
	if v := m.view.Load(); v != nil && v.Pending {
		m.pace.stir()
	}
}

// apply makes a new view the one in force: every core has it before the next
// event. Called with mu held; nil changes nothing.
func (m *membership) apply(v *cluster.View) {
	if v == nil || m.closed {
		return
	}
	old := m.view.Swap(v)
	m.cores.see(v)
	if old == nil || old.Set != v.Set {
		m.relink(v.Set)
		m.events.add(Event{Kind: EventMembers, Epoch: v.Epoch, Count: len(v.Set.Members)})
	}
	m.metrics.view(v)
	m.news.ring(old, v)
	m.news.self(old, v)
	if now := unreached(v); m.suspects != nil && (old == nil || !slices.Equal(unreached(old), now)) {
		m.suspects(names(v, now), names(v, m.ended(now)))
	}
	m.tellState()
	m.pace.progressed()
}

// ended are those of the IDs at whose ports nothing listened when they were lost.
func (m *membership) ended(ids []uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(ids), func(id uint32) bool {
		l := m.links.to(id)
		return l == nil || !l.refused
	})
}

func (m *membership) relink(set *config.MemberSet) {
	for _, l := range m.links.relink(set, m.open) {
		if l.up {
			m.severed = append(m.severed, l)
		}
	}
}

// tellState tells every peer when this member's own state changed.
func (m *membership) tellState() {
	synced, leaving := m.machine.SelfState()
	now := selfState{synced, leaving}
	if now == m.told {
		return
	}
	m.told = now
	for id := range m.links.all() {
		_ = m.links.send(id, kindState, now.encode()) // a new stream's hello says it too
	}
}

// ignored counts member sets that were older or contradicted.
func (m *membership) ignored() cluster.Ignored {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machine.Ignored()
}

func names(v *cluster.View, ids []uint32) []string {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		if m, ok := v.Member(id); ok {
			names = append(names, m.Name)
		}
	}
	return names
}

// unreached are the IDs of the published members that are down, those that are
// joining among them, unlike View.Suspects: the operator publishes a member that
// it has evicted as joining and takes it back once nobody reports it any more.
func unreached(v *cluster.View) []uint32 {
	var ids []uint32
	for _, m := range v.Members {
		if m.Liveness == cluster.Down {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
