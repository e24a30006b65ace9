package main

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rig is a load with one member, the stub.
func rig(t *testing.T, s *stub, patience time.Duration) (*load, *tally, *bytes.Buffer) {
	t.Helper()
	var journal bytes.Buffer
	tl := newTally(&journal)
	startStub(t, s)
	m := &members{rng: rand.New(rand.NewPCG(1, 1)), list: []member{{name: "proxy-0", address: s.at}}}
	m.settle()
	l, err := newLoad(&options{phones: 1, rate: 100, patience: patience, seed: 1}, m, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.1"), tl)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l, tl, &journal
}

// What the run says of proxies is worth something only if it would say this of
// ones that are wrong.
func TestWhatIsWrongIsNoticed(t *testing.T) {
	const brief = attentive + 500*time.Millisecond
	tests := map[string]struct {
		stub     *stub
		patience time.Duration
		steps    []string
		want     map[problem]int
	}{
		"nothing": {
			&stub{}, brief,
			[]string{change, "look", refresh, "look", "look", change, "replay", "look", fetch, unregister, "look", "replay", fetch, "look", change, clearAll, "look"},
			map[problem]int{},
		},
		"forgets":               {&stub{forgets: true}, brief, []string{change, "look", fetch}, map[problem]int{lost: 3}},
		"removes nothing":       {&stub{remembers: true}, brief, []string{change, change, unregister, fetch, "look"}, map[problem]int{stale: 3, returned: 1}},
		"and does not show it":  {&stub{remembers: true, hides: true}, brief, []string{change, change, "look", unregister, "look", clearAll, "look"}, map[problem]int{returned: 3}},
		"takes a late REGISTER": {&stub{unordered: true}, brief, []string{change, unregister, "replay", "look"}, map[problem]int{stale: 1, returned: 1}},
		"says 503":              {&stub{refuses: true}, brief, []string{change, "look"}, map[problem]int{unanswered: 2}},
		"says nothing":          {&stub{silent: true}, brief, []string{change, "look"}, map[problem]int{unanswered: 2}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, tally, journal := rig(t, tt.stub, tt.patience)
			for _, step := range tt.steps {
				p := l.phones[0]
				switch step {
				case "look":
					l.looks.look(t.Context(), p)
				case "replay":
					l.regs.replay(t.Context(), p)
				default:
					l.regs.register(t.Context(), p, step)
				}
			}
			got := map[problem]int{}
			for p, n := range tally.sum().found {
				if n > 0 {
					got[problem(p)] = n
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("found (-want +got):\n%s%s", d, journal)
			}
		})
	}
}

// A member that is disturbed owes no answer; that it was asked is no excuse for
// others.
func TestWhoOwesAnAnswer(t *testing.T) {
	m := &members{rng: rand.New(rand.NewPCG(1, 1)), list: make([]member, 2)}
	m.settle()
	k := &asker{members: m}
	long := time.Now().Add(-attentive)
	first := m.another(nil)
	second := m.another([]target{first})
	if first.index == second.index {
		t.Fatal("asked the same again, though there is another")
	}
	sent := []transmission{{first, long}}
	if !k.owed(sent) || !k.owes(sent, first.index) || k.owes(sent, second.index) {
		t.Error("who was asked and lives owes an answer, nobody else")
	}
	if k.owed([]transmission{{first, time.Now()}}) {
		t.Error("who was asked just now owes none yet")
	}
	m.disturb(first.index, false)
	if k.owed(sent) || k.owes(sent, first.index) {
		t.Error("who was disturbed owes one")
	}
	m.setUp(first.index, true)
	m.settle()
	if k.owed(sent) {
		t.Error("who was disturbed and lives again owes one for what was sent before")
	}
	if sent = append(sent, transmission{second, long}); !k.owed(sent) {
		t.Error("the other one owes none")
	}
}

// Where all that were asked are disturbed the request is made anew.
func TestDisturbedSilenceIsRetried(t *testing.T) {
	t.Parallel()
	l, tally, journal := rig(t, &stub{silent: true}, time.Second)
	l.regs.asker.members.disturb(0, true)
	l.regs.register(t.Context(), l.phones[0], change)
	if n := l.phones[0].cseq; n != retries {
		t.Errorf("%d REGISTERs, want %d", n, retries)
	}
	if n := tally.sum().found[unanswered]; n != 1 {
		t.Errorf("%d unanswered once all retries failed, want 1:\n%s", n, journal)
	}
}

func TestRetransmissionIntervals(t *testing.T) {
	for method, want := range map[string][]time.Duration{"REGISTER": {1, 2, 4, 4}, "INVITE": {1, 2, 4, 8}} {
		d := t1
		for i, w := range want {
			if d = nextInterval(d, method); d != w*time.Second {
				t.Errorf("%s: interval %d is %v, want %v s", method, i, d, w)
			}
		}
	}
}
