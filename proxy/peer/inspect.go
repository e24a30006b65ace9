package peer

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// Look is what this member has of an address-of-record, whether it counts or not;
// false before the first member set.
func (n *Node) Look(aor []byte) (l cluster.Look, ok bool) {
	v := n.view.Load()
	if v == nil {
		return l, false
	}
	c := n.cores.of(v, aor)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m.Look(n.cores.clock.now(), aor, &l)
	return l, true
}

// HomeAORs calls f with every address-of-record that has a live binding and whose
// home this member is, in no order. f must not keep what it gets; no lock is held
// meanwhile. It looks at some hundred records at a time and rests as long as that
// took, so operations wait for no more than a step. It ends with ctx, whose error it
// returns.
func (n *Node) HomeAORs(ctx context.Context, f func(aor []byte)) error {
	w := walk{cores: n.cores, rest: time.NewTimer(0)}
	defer w.rest.Stop()
	for i := range n.cores.all {
		if err := w.over(ctx, &n.cores.all[i], f); err != nil {
			return err
		}
	}
	return nil
}

// walk goes over the records of cores, with memory for the addresses of a step.
type walk struct {
	cores *cores
	rest  *time.Timer
	text  []byte
	ends  []int // of each address in text
}

// over goes over one core.
func (w *walk) over(ctx context.Context, c *core, f func(aor []byte)) error {
	for from, end := (cluster.Cursor{}), false; !end; {
		began := time.Now()
		from, end = w.step(c, from)
		start := 0
		for _, e := range w.ends {
			f(w.text[start:e])
			start = e
		}
		w.rest.Reset(time.Since(began))
		select {
		case <-w.rest.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// step takes the addresses of a step with it: what is made of them takes no core's
// time.
func (w *walk) step(c *core, from cluster.Cursor) (next cluster.Cursor, end bool) {
	w.text, w.ends = w.text[:0], w.ends[:0]
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m.Walk(w.cores.clock.now(), from, func(aor []byte) {
		w.text = append(w.text, aor...)
		w.ends = append(w.ends, len(w.text))
	})
}
