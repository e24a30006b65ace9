package peer

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// stuckBound is how soon the others count a process as dead that hangs: the looks
// of the watchdog, and a redial without an answer.
const stuckBound = stuckAfter + 2*restInterval + confirmTimeout + 300*time.Millisecond

// TestHungCoreIsADeadMember: one core of a process hangs, all else in it runs.
// The others take over within a moment, the process serves nothing that may be
// superseded, and is back once the core goes on.
func TestHungCoreIsADeadMember(t *testing.T) {
	for rule, victim := range map[string]uint32{"it dialled the others": 1, "it was dialled by one and dialled one": 2, "the others dialled it": 3} {
		t.Run(rule, func(t *testing.T) {
			c := newTrial(t, 3)
			c.startAll()
			bind(c, 40)
			hung := c.nodes[victim]
			core := &hung.cores.all[5]
			began, stalled := time.Now(), stallClock(t)
			core.mu.Lock()
			goOn := sync.OnceFunc(core.mu.Unlock)
			delete(c.nodes, victim) // what is asked of all is asked of the others
			defer func() {
				goOn()
				c.nodes[victim] = hung
			}()
			for id, n := range c.nodes {
				until(t, fmt.Sprintf("member %d misses member %d", id, victim), func() bool { return !up(n, victim) })
			}
			if took, stall := time.Since(began), stalled(); took > stuckBound+stall {
				t.Errorf("noticed after %v, want at most %v (the machine stalled for %v)", took, stuckBound, stall)
			} else {
				t.Logf("noticed after %v", took)
			}
			wantAway(t, hung)
			for i := range 40 { // every core's share is served
				aor, contact := fmt.Sprintf("sip:u%d@ring.example", i), fmt.Sprintf("sip:new%d@192.0.2.1", i)
				cseq := uint32(1)
				for id := range c.nodes {
					cseq++
					if status := c.register(id, aor, contact, cseq); status != 200 {
						t.Fatalf("register at member %d: %d", id, status)
					}
				}
			}
			goOn()
			c.nodes[victim] = hung
			wantNew := func() {
				t.Helper()
				for i := range 40 {
					result, contacts := c.lookup(victim, fmt.Sprintf("sip:u%d@ring.example", i))
					if result != cluster.Unavailable && !slices.Contains(contacts, fmt.Sprintf("sip:new%d@192.0.2.1", i)) {
						t.Fatalf("it finds %v %q for %d", result, contacts, i)
					}
				}
			}
			until(t, "it serves", func() bool {
				wantNew() // never the state of before
				live, _ := hung.Live()
				return live
			})
			wantNew()
			c.settled()
			wantNew()
			stall := stalled() // a machine that stands still for as long as a dial may take loses peers
			if stuck, losses := counted(t, hung.metrics.stuck), counted(t, hung.metrics.losses); stuck != 1 || losses != 0 && stall < dialTimeout {
				t.Errorf("stuck %d times, lost %d peers; want once and none (the machine stalled for %v): %+v", stuck, losses, stall, hung.Events(0))
			}
		})
	}
}

// wantAway checks that a process that is stuck says so, and that its sound cores
// serve nothing.
func wantAway(t *testing.T, n *Node) {
	t.Helper()
	if live, why := n.Live(); live || why != "no steps: core 5" {
		t.Errorf("live %v, %q", live, why)
	}
	if ready, _ := n.Ready(); ready {
		t.Error("it is ready")
	}
	for i := range 40 {
		aor := fmt.Sprintf("sip:u%d@ring.example", i)
		n.Lookup(lookupOp(aor, func(r cluster.LookupResult, contacts []string) {
			if r != cluster.Unavailable {
				t.Errorf("it answers %v %q for %s", r, contacts, aor)
			}
		}))
		n.Register(registerOp(aor, "sip:late@192.0.2.1", 9, func(op *cluster.RegisterOp) {
			if op.Status != location.StatusUnavailable {
				t.Errorf("it answers a REGISTER of %s with %d", aor, op.Status)
			}
		}))
	}
}

// TestVigil by looks and rounds: how many rounds were completed at each look, and
// how long after the one before it came.
func TestVigil(t *testing.T) {
	type look struct {
		after  time.Duration
		rounds uint64
		want   verdict
	}
	on := restInterval
	tests := map[string][]look{
		"at rest":                       {{on, 1, isUnclear}, {on, 2, isUnclear}, {on, 3, isSound}, {on, 4, isSound}},
		"a look before its round":       {{on, 1, isUnclear}, {on, 1, isUnclear}, {on, 3, isSound}, {on, 4, isSound}},
		"no round":                      {{on, 1, isUnclear}, {on, 1, isUnclear}, {on, 1, isUnclear}, {on, 1, isStuck}, {on, 1, isStuck}},
		"back":                          {{3 * on, 0, isUnclear}, {on, 0, isStuck}, {on, 1, isUnclear}, {on, 2, isUnclear}, {on, 3, isSound}},
		"a round a second is too slow":  {{on, 1, isUnclear}, {on, 1, isUnclear}, {on, 1, isUnclear}, {on, 1, isStuck}, {on, 2, isUnclear}, {on, 2, isUnclear}, {on, 2, isUnclear}, {on, 2, isStuck}},
		"the whole process was stopped": {{on, 1, isUnclear}, {20 * on, 1, isUnclear}, {on, 2, isUnclear}, {on, 3, isUnclear}},
		"stopped again and again":       {{on, 1, isUnclear}, {9 * on, 1, isUnclear}, {on, 2, isUnclear}, {9 * on, 2, isUnclear}, {on, 3, isUnclear}},
	}
	for name, looks := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			v := newVigil(now)
			for i, l := range looks {
				now = now.Add(l.after)
				if got := v.look(now, l.rounds); got != l.want {
					t.Errorf("look %d: %d, want %d", i+1, got, l.want)
				}
			}
		})
	}
}
