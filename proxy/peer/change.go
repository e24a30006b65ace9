package peer

import (
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
)

// change is an event of one peer that may change the view. Its functions are
// called with membership.mu held.
type change struct {
	// event tells the membership.
	event func()
	// before is called when the view is known and no core has it yet, after when
	// all have it; nil does nothing.
	before func(v *cluster.View)
	after  func()
	made   bool
	// loss: the peer is down. It goes before what is no loss.
	loss bool
}

// maxTogether bounds how many changes are one: what a loss may wait for.
const maxTogether = 32

// changes wait for the one before them.
type changes struct {
	mu      sync.Mutex
	losses  []*change
	waiting []*change
}

func (c *changes) add(one *change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one.loss {
		c.losses = append(c.losses, one)
	} else {
		c.waiting = append(c.waiting, one)
	}
}

// take returns the changes to make next, at most maxTogether.
func (c *changes) take() []*change {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := &c.waiting
	if len(c.losses) > 0 {
		from = &c.losses
	}
	n := min(len(*from), maxTogether)
	taken := (*from)[:n:n]
	*from = (*from)[n:]
	return taken
}

// change makes one change, and returns when every core has the view after it.
// Changes that wait for another become one view together: when hundreds of
// members meet, each has little to compute, and the loss of one does not wait
// for all the others. Of one peer only one change is under way at a time.
func (m *membership) change(one *change) {
	m.changes.add(one)
	m.mu.Lock()
	defer m.mu.Unlock()
	for !one.made {
		m.changeTogether(m.changes.take())
	}
}

func (m *membership) changeTogether(all []*change) {
	v := m.machine.Together(func() {
		for _, c := range all {
			c.event()
		}
	})
	for _, c := range all {
		if v != nil && c.before != nil {
			c.before(v)
		}
	}
	m.apply(v)
	for _, c := range all {
		c.made = true
		if c.after != nil {
			c.after()
		}
	}
}
