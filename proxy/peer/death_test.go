package peer

import (
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/cluster"
)

// deathBound is how soon the others must know of a process that died. The
// target on an idle machine; the race detector and busy cores get more.
const deathBound = 50 * time.Millisecond

// up tells whether node sees the member up.
func up(n *Node, id uint32) bool {
	v := n.View()
	return v != nil && v.Up(id)
}

// TestKilledProcessIsNoticed kills a real process with SIGKILL, once the side
// that dials and once the side that is dialled.
func TestKilledProcessIsNoticed(t *testing.T) {
	for rule, victim := range map[string]uint32{"it dialled the others": 1, "it was dialled by one and dialled one": 2, "the others dialled it": 3} {
		t.Run(rule, func(t *testing.T) {
			best := time.Hour
			for try := 0; try < 5 && best > deathBound; try++ { // the machine may be busy, not every time
				best = min(best, killOnce(t, victim))
			}
			if best > deathBound {
				t.Errorf("noticed after %v at best, want at most %v", best, deathBound)
			}
			t.Logf("noticed by both others after %v", best)
		})
	}
}

func killOnce(t *testing.T, victim uint32) time.Duration {
	c := newTrial(t, 3)
	process := c.spawn(t, victim)
	for id := range uint32(3) {
		if id+1 != victim {
			c.start(id + 1)
		}
	}
	c.complete(3)
	began := time.Now()
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	for id, n := range c.nodes {
		until(t, fmt.Sprintf("member %d misses member %d", id, victim), func() bool { return !up(n, victim) })
	}
	took := time.Since(began)
	for _, n := range c.nodes {
		if s := suspectsOf(n); !slices.Equal(s, []string{c.member(victim).Name}) {
			t.Errorf("suspects %q", s)
		}
	}
	for _, n := range c.nodes {
		n.Close()
	}
	clear(c.nodes)
	return took
}

// TestHungProcessIsNoticed stops a real process with SIGSTOP: its sockets stay
// open and say nothing. When it goes on it knows less than the others.
func TestHungProcessIsNoticed(t *testing.T) {
	for rule, victim := range map[string]uint32{"it dialled the others": 1, "the others dialled it": 3} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			process := c.spawn(t, victim)
			for id := range uint32(3) {
				if id+1 != victim {
					c.start(id + 1)
				}
			}
			c.complete(3)
			for i := range 40 {
				c.register(2, fmt.Sprintf("sip:u%d@ring.example", i), "sip:old@192.0.2.1", 1)
			}
			began, stalled := time.Now(), stallClock(t)
			if err := process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			for id, n := range c.nodes {
				until(t, fmt.Sprintf("member %d misses member %d", id, victim), func() bool { return !up(n, victim) })
			}
			if took, stall := time.Since(began), stalled(); took > hangBound+stall {
				t.Errorf("noticed after %v, want at most %v (the machine stalled for %v)", took, hangBound, stall)
			}
			for i := range 40 {
				aor := fmt.Sprintf("sip:u%d@ring.example", i)
				if status := c.register(2, aor, "sip:old@192.0.2.1", 2); status != 200 {
					t.Fatalf("register without the hung member: %d", status)
				}
				if status := c.register(2, aor, fmt.Sprintf("sip:new%d@192.0.2.1", i), 3); status != 200 {
					t.Fatalf("register without the hung member: %d", status)
				}
			}
			if err := process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			wantNew := func() {
				for i := range 40 {
					for id := range c.nodes {
						result, contacts := c.lookup(id, fmt.Sprintf("sip:u%d@ring.example", i))
						if result != cluster.Found || !slices.Contains(contacts, fmt.Sprintf("sip:new%d@192.0.2.1", i)) {
							t.Fatalf("member %d finds %v %q for %d", id, result, contacts, i)
						}
					}
				}
			}
			for id, n := range c.nodes {
				until(t, fmt.Sprintf("member %d has member %d back", id, victim), func() bool {
					wantNew() // never the state of before
					return up(n, victim)
				})
			}
			c.complete(3)
			wantNew()
		})
	}
}

// hangBound is how soon a silent member must be down: silence and two beats of
// the watch, and a redial without an answer.
const hangBound = silence + 2*heartbeat + 2*confirmTimeout + 300*time.Millisecond

// stallClock returns a function that tells how long this process has been kept
// from running since: what a bound on a busy machine cannot count.
func stallClock(t *testing.T) (stalled func() time.Duration) {
	const step = 5 * time.Millisecond
	var total atomic.Int64
	go func() {
		for last := time.Now(); t.Context().Err() == nil; {
			time.Sleep(step) // what is measured
			now := time.Now()
			total.Add(int64(max(0, now.Sub(last)-2*step)))
			last = now
		}
	}()
	return func() time.Duration { return time.Duration(total.Load()) }
}

// complete waits until every running node has n members in the ring.
func (c *trial) complete(n int) {
	c.t.Helper()
	for id, node := range c.nodes {
		until(c.t, fmt.Sprintf("member %d is synced and has %d in the ring", id, n), func() bool {
			v := node.View()
			return v.Synced && len(v.Ring.Members()) == n
		})
	}
}

// TestNothingIsLostWithAMember: what was acknowledged is found at once on those
// that are left, without anybody registering again.
func TestNothingIsLostWithAMember(t *testing.T) {
	for victim := range uint32(3) {
		c := newTrial(t, 3)
		c.startAll()
		bound := bind(c, 40)
		c.kill(victim + 1)
		for aor, contact := range bound { // no wait: the first answers are given while the death is being noticed
			c.wantBound(aor, contact)
		}
		c.settled()
		for aor, contact := range bound {
			c.wantBound(aor, contact)
		}
	}
}

func bind(c *trial, n int) map[string]string {
	bound := map[string]string{}
	for i := range n {
		aor, contact := fmt.Sprintf("sip:u%d@ring.example", i), fmt.Sprintf("sip:u%d@192.0.2.1", i)
		if status := c.register(uint32(i%len(c.nodes)+1), aor, contact, 1); status != 200 {
			c.t.Fatalf("register %s: %d", aor, status)
		}
		bound[aor] = contact
	}
	return bound
}

// TestRestartInPlace: the same name and address, empty memory, before anything
// but the streams could notice.
func TestRestartInPlace(t *testing.T) {
	for victim := range uint32(3) {
		t.Run(fmt.Sprintf("member %d", victim+1), func(t *testing.T) {
			c := newTrial(t, 3)
			c.startAll()
			bound := bind(c, 40)
			before := c.nodes[victim+1].Incarnation()
			c.kill(victim + 1)
			n := c.start(victim + 1)
			for aor, contact := range bound { // while it is being filled
				for id := range c.nodes {
					result, contacts := c.lookup(id, aor)
					if result == cluster.NotFound || result == cluster.Found && !slices.Equal(contacts, []string{contact}) {
						t.Fatalf("member %d finds %v %q for %s", id, result, contacts, aor)
					}
				}
			}
			c.settled()
			for id, other := range c.nodes {
				m, _ := other.View().Member(victim + 1)
				if id != victim+1 && (m.Incarnation != n.Incarnation() || m.Incarnation == before) {
					t.Errorf("member %d knows incarnation %x, want %x", id, m.Incarnation, n.Incarnation())
				}
			}
			for aor, contact := range bound {
				c.wantBound(aor, contact)
			}
		})
	}
}

// TestDrain: a member that leaves in order has handed over everything.
func TestDrain(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	bound := bind(c, 40)
	if err := c.nodes[2].Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ready, why := c.nodes[2].Ready(); !ready {
		t.Errorf("ready %v, %q", ready, why)
	}
	c.kill(2)
	c.kill(1) // the last copy is with member 3
	for aor, contact := range bound {
		c.wantBound(aor, contact)
	}
}

// TestCloseSuspectsNobody: that it lets go of the others is no news of theirs.
func TestCloseSuspectsNobody(t *testing.T) {
	c := newTrial(t, 2)
	cfg := c.config(1)
	reports := make(chan []string, 10)
	cfg.Suspects = func(names, _ []string) { reports <- names }
	c.startWith(cfg)
	c.start(2)
	c.settled()
	c.kill(1)
	close(reports)
	for names := range reports {
		if len(names) > 0 {
			t.Errorf("a member that stops reports %q", names)
		}
	}
}

// TestSuspectsSayWhoEnded: of the members that are down those at whose ports nothing
// listens any more, until they are up again.
func TestSuspectsSayWhoEnded(t *testing.T) {
	c := newTrial(t, 3)
	cfg := c.config(1)
	type report struct{ Names, Ended []string }
	reports := make(chan report, 100)
	cfg.Suspects = func(names, ended []string) { reports <- report{names, ended} }
	c.startWith(cfg)
	c.start(2)
	c.start(3)
	c.settled()
	for len(reports) > 0 {
		<-reports
	}
	m := c.nodes[1].membership
	m.peerDown(m.links.to(2), errSilence)
	m.peerDown(m.links.to(3), fmt.Errorf("dial: %w", syscall.ECONNREFUSED))
	name := func(id uint32) []string { return []string{c.config(id).Name} }
	both := append(name(2), name(3)...)
	for _, want := range []report{{name(2), []string{}}, {both, name(3)}} {
		if d := cmp.Diff(want, <-reports); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	two, _ := c.nodes[1].View().Member(2)
	three, _ := c.nodes[1].View().Member(3)
	if two.Ended || !three.Ended {
		t.Errorf("ended: the silent one %v, the one that refuses %v", two.Ended, three.Ended)
	}
}

// TestWrongDeathIsTold: a member that one of the others took for dead hears of it
// as the stream stands again, and catches up before it serves.
func TestWrongDeathIsTold(t *testing.T) {
	for rule, c := range map[string]struct{ by, of uint32 }{"by the side that dials": {1, 3}, "by the side that is dialled": {3, 1}} {
		t.Run(rule, func(t *testing.T) {
			trial := newTrial(t, 3)
			trial.startAll()
			bound := bind(trial, 10)
			n, wronged := trial.nodes[c.by], trial.nodes[c.of]
			l := n.links.to(c.of)
			n.membership.peerDown(l, errSilence)
			l.stream().fail(errSilence)
			until(t, "it knows", func() bool { return accusations(wronged) == 1 })
			trial.settled()
			if accusations(n) != 0 {
				t.Error("the one that was wrong mistrusts itself")
			}
			for aor, contact := range bound {
				trial.wantBound(aor, contact)
			}
		})
	}
}
