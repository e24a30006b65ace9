package main

import (
	"math/rand/v2"
	"net/netip"
	"sync"
)

// member is one proxy as those who do the faults know it.
type member struct {
	name    string
	address netip.AddrPort
	up      bool // its process runs and is not stopped
	steady  bool // and nothing befell it since all had what they own
	faults  int  // that have begun
}

// members are where requests go. Safe for concurrent use.
type members struct {
	mu   sync.Mutex
	rng  *rand.Rand
	list []member
}

// target is a member at the time at which something was sent to it.
type target struct {
	index   int
	name    string
	address netip.AddrPort
	steady  bool
	faults  int
}

// disturb says that a fault begins; up is whether it takes requests meanwhile.
func (m *members) disturb(i int, up bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list[i].up, m.list[i].steady = up, false
	m.list[i].faults++
}

// setUp says whether the member's process runs and is not stopped.
func (m *members) setUp(i int, up bool) {
	m.mu.Lock()
	m.list[i].up = up
	m.mu.Unlock()
}

// settle says that all members have what they own.
func (m *members) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.list {
		m.list[i].up, m.list[i].steady = true, true
	}
}

// anyUp is a member whose process runs, however new it is. One always does.
func (m *members) anyUp() target { return m.pick(func(i int) bool { return m.list[i].up }) }

// another is a member that nothing befell and that is not among those tried, if
// there is one; else any that nothing befell, or that runs.
func (m *members) another(tried []target) target {
	untried := func(i int) bool {
		for _, t := range tried {
			if t.index == i {
				return false
			}
		}
		return true
	}
	return m.pick(
		func(i int) bool { return m.list[i].steady && untried(i) },
		func(i int) bool { return m.list[i].steady },
		func(i int) bool { return m.list[i].up },
	)
}

// pick is one of those for which the first condition holds that holds for any.
func (m *members) pick(conditions ...func(i int) bool) target {
	m.mu.Lock()
	defer m.mu.Unlock()
	var fit []int
	for _, ok := range conditions {
		for i := range m.list {
			if ok(i) {
				fit = append(fit, i)
			}
		}
		if len(fit) > 0 {
			break
		}
	}
	i := 0
	if len(fit) > 0 {
		i = fit[m.rng.IntN(len(fit))]
	}
	x := m.list[i]
	return target{index: i, name: x.name, address: x.address, steady: x.steady, faults: x.faults}
}

// undisturbed tells whether nothing has befallen the target since it was chosen,
// nor lately before.
func (m *members) undisturbed(t target) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return t.steady && m.list[t.index].faults == t.faults
}

// at is the member with that address; false when it is nobody's.
func (m *members) at(a netip.AddrPort) (int, bool) {
	for i := range m.list { // addresses do not change
		if m.list[i].address == a {
			return i, true
		}
	}
	return 0, false
}
