package cluster

import "testing"

// TestBusyWhileTickHasWork: not when all is settled; while an update waits for
// its replica; and no longer when that has failed it.
func TestBusyWhileTickHasWork(t *testing.T) {
	b := newBench(t, 2, 3)
	if joining := b.nodes[1].core; !joining.Busy() {
		t.Error("not busy while it fetches what it will own")
	}
	b.settle()
	home := b.nodes[b.owners(aor)[0]]
	if home.core.Busy() {
		t.Error("busy with nothing")
	}
	b.register(home, newRegister(aor, 1, 60))
	if !home.core.Busy() {
		t.Error("not busy while an update waits for its replica")
	}
	b.mail = nil // it never comes
	b.pass(home.core.cfg.Timeout)
	if len(home.registered) != 1 || home.core.Busy() {
		t.Errorf("%d updates ended, busy %t", len(home.registered), home.core.Busy())
	}
}

// TestRestSweepsAsFar: ticks at long intervals expire as much as many short ones.
func TestRestSweepsAsFar(t *testing.T) {
	for name, interval := range map[string]int64{"short": 20, "long": 800, "longest": maxElapsed} {
		b := newBench(t, 2, 1)
		n := b.nodes[1]
		b.mustRegister(n, newRegister(aor, 1, 60))
		b.now += 60_000
		n.core.Tick(b.now, &n.effects)
		for end := b.now + n.core.cfg.SweepPeriod; b.now < end; {
			b.now += interval
			n.core.Tick(b.now, &n.effects)
		}
		if left := n.core.store.Stats().Records; left != 0 {
			t.Errorf("%s intervals: %d records are left after a pass", name, left)
		}
	}
}
