package sim

import (
	"slices"
	"testing"
)

// TestJudge shows what a lookup may find after some requests of a phone, and of another phone of the AOR.
func TestJudge(t *testing.T) {
	bound := func(sent, acked int64, expires uint32) request {
		return request{deed: bind, sent: sent * second, acked: acked * second, expires: expires}
	}
	removed := func(sent, acked int64) request {
		return request{deed: unbind, sent: sent * second, acked: acked * second}
	}
	for name, c := range map[string]struct {
		history  []request
		acked    int
		forgiven bool
		at       int64 // s
		stalls   []stall
		allowed  map[int]bool
	}{
		"nothing sent":           {acked: -1, at: 1, allowed: map[int]bool{0: true}},
		"sent, not answered":     {history: []request{bound(1, 0, 60)}, acked: -1, at: 2, allowed: map[int]bool{0: true, 1: true}},
		"acknowledged":           {history: []request{bound(1, 2, 60)}, at: 3, allowed: map[int]bool{1: true}},
		"acknowledged, forgiven": {history: []request{bound(1, 2, 60)}, forgiven: true, at: 3, allowed: map[int]bool{0: true, 1: true}},
		"about to expire":        {history: []request{bound(1, 2, 10)}, at: 10, allowed: map[int]bool{0: true, 1: true}},
		"expired":                {history: []request{bound(1, 2, 10)}, at: 20, allowed: map[int]bool{0: true}},
		"expired, and a member was stopped": {
			history: []request{bound(1, 2, 10)}, at: 20, stalls: []stall{{8 * second, 6 * second}}, allowed: map[int]bool{0: true, 1: true},
		},
		"expired, and members were stopped one after the other": {
			history: []request{bound(1, 2, 10)}, at: 22, stalls: []stall{{8 * second, 6 * second}, {15 * second, 3 * second}},
			allowed: map[int]bool{0: true, 1: true},
		},
		"expired for longer than members were stopped": {
			history: []request{bound(1, 2, 10)}, at: 24, stalls: []stall{{8 * second, 6 * second}, {15 * second, 3 * second}},
			allowed: map[int]bool{0: true},
		},
		"expired, where a member was stopped before": {
			history: []request{bound(7, 8, 10)}, at: 21, stalls: []stall{{7 * second, 6 * second}}, allowed: map[int]bool{0: true},
		},
		"removed":                         {history: []request{bound(1, 2, 60), removed(3, 4)}, acked: 1, at: 5, allowed: map[int]bool{0: true}},
		"removal not answered":            {history: []request{bound(1, 2, 60), removed(3, 0)}, at: 5, allowed: map[int]bool{0: true, 1: true}},
		"superseded":                      {history: []request{bound(1, 2, 60), bound(3, 4, 60)}, acked: 1, at: 5, allowed: map[int]bool{2: true}},
		"superseded by what is under way": {history: []request{bound(1, 2, 60), bound(3, 0, 60)}, at: 5, allowed: map[int]bool{1: true, 2: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := (&world{now: c.at * second, judge: judge{stalls: c.stalls}}).inhabited()
			ph := &phone{w: w, acked: c.acked, forgiven: c.forgiven, history: c.history}
			for i := range ph.history {
				ph.history[i].number = uint64(i + 1)
			}
			for found := range 3 {
				x := expectation{ph, ph.acked}
				if _, fault := x.judge(w, found); (fault == "") != c.allowed[found] {
					t.Errorf("request %d found: %q", found, fault)
				}
			}
		})
	}
}

// TestBound shows whether a member must have room for a phone while the network is cut: what was acknowledged through the
// other side alone is not known on this one, nor is what was acknowledged through both.
func TestBound(t *testing.T) {
	here, there := &process{id: 1}, &process{id: 2}
	for name, c := range map[string]struct {
		whole  bool
		speaks []*process // through whom the phone speaks since the cut
		want   bool
	}{
		"no cut":                  {whole: true, want: true},
		"bound before the cut":    {want: true},
		"through this side":       {speaks: []*process{here, here}, want: true},
		"through the other side":  {speaks: []*process{there}},
		"from there to this side": {speaks: []*process{there, here}},
		"from here and back":      {speaks: []*process{here, there, here}},
	} {
		t.Run(name, func(t *testing.T) {
			w := (&world{now: 3 * second}).inhabited()
			ph := &phone{w: w, history: []request{{number: 1, deed: bind, sent: second, acked: 2 * second, expires: 60}}}
			if !c.whole {
				w.cuts.current = &cut{side: map[uint32]int{1: 1, 2: 2}, whole: true}
			}
			for _, p := range c.speaks {
				w.cuts.current.speaks(ph, p)
			}
			if got := ph.bound(here); got != c.want {
				t.Errorf("bound %v, want %v", got, c.want)
			}
		})
	}
}

// TestStar shows what is left of a binding when another phone of the AOR sends Contact: *.
func TestStar(t *testing.T) {
	for name, c := range map[string]struct {
		steps func(a, b *phone)
		want  []int // what may be found of b
	}{
		"after it":         {func(a, b *phone) { b.did(bind); a.did(unbindAll) }, []int{0}},
		"before it":        {func(a, b *phone) { a.did(unbindAll); b.did(bind) }, []int{0, 2}},
		"long before it":   {func(a, b *phone) { a.did(unbindAll); a.w.now += 60 * second; b.did(bind) }, []int{2}},
		"at the same time": {func(a, b *phone) { b.begins(bind); a.did(unbindAll); b.ends() }, []int{0, 1}},
		"not answered":     {func(a, b *phone) { b.did(bind); a.begins(unbindAll) }, []int{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := (&world{now: second}).inhabited()
			a, b := &phone{w: w, aor: "x", acked: -1}, &phone{w: w, aor: "x", acked: -1}
			w.phones = []*phone{a, b}
			c.steps(a, b)
			for found := range 3 {
				x := expectation{b, b.acked}
				_, fault := x.judge(w, found)
				want := false
				for _, n := range c.want {
					want = want || n == found
				}
				if (fault == "") != want {
					t.Errorf("request %d found: %q", found, fault)
				}
			}
		})
	}
}

// TestCopiesAndStar shows what a copy of a request leaves that was under way as another phone of the AOR sent Contact: *.
func TestCopiesAndStar(t *testing.T) {
	for name, c := range map[string]struct {
		steps func(w *world, a, b *phone)
		want  []int // what may be found of b
	}{
		"under way before": {func(w *world, a, b *phone) {
			b.did(bind)
			w.judge.asked = []*asked{{w: w, p: knowing(w), ph: b, r: b.history[0]}}
			b.did(bind)
			a.did(unbindAll)
		}, []int{0, 1, 2}},
		"done before": {func(w *world, a, b *phone) {
			b.did(bind)
			w.judge.asked = []*asked{{w: w, p: knowing(w), ph: b, r: b.history[0], done: true}}
			b.did(bind)
			a.did(unbindAll)
		}, []int{0}},
		"sent again meanwhile": {func(_ *world, a, b *phone) {
			b.did(bind)
			a.begins(unbindAll)
			b.givenDuringStar(b.history[0])
			b.did(bind)
		}, []int{0, 1, 4}},
		"of another's": {func(w *world, a, b *phone) {
			b.did(bind)
			a.did(bind)
			w.judge.asked = []*asked{{w: w, p: knowing(w), ph: a, r: a.history[0]}}
			b.did(bind)
			a.did(unbindAll)
		}, []int{0}},
		"over when something newer is there": {func(w *world, a, b *phone) {
			b.did(bind)
			w.judge.asked = []*asked{{w: w, p: knowing(w), ph: b, r: b.history[0]}}
			a.did(unbindAll)
			w.now += 60 * second
			b.did(bind)
		}, []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			w := (&world{now: second}).inhabited()
			a, b := &phone{w: w, aor: "x", acked: -1}, &phone{w: w, aor: "x", acked: -1}
			w.phones = []*phone{a, b}
			c.steps(w, a, b)
			for found := range 6 {
				x := expectation{b, b.acked}
				if _, fault := x.judge(w, found); (fault == "") != slices.Contains(c.want, found) {
					t.Errorf("request %d found: %q", found, fault)
				}
			}
		})
	}
}

// TestCopiesElsewhere shows what a copy of a request leaves that waits at a member which does not know what is acknowledged
// meanwhile, as it is misled by its set: it is ordered when that member concludes alone.
func TestCopiesElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		knows bool
		steps func(b *phone, given func(request) *asked)
		want  []int // what may be found
	}{
		"given after it was acknowledged": {steps: func(b *phone, given func(request) *asked) {
			b.did(bind)
			given(b.history[0])
			b.did(unbind)
		}, want: []int{0, 1}},
		"given before": {steps: func(b *phone, given func(request) *asked) {
			b.begins(bind)
			given(b.history[0])
			b.ends()
			b.did(unbind)
		}, want: []int{0, 1}},
		"others came between": {steps: func(b *phone, given func(request) *asked) {
			b.did(bind)
			given(b.history[0])
			b.did(bind)
			b.did(unbind)
		}, want: []int{0, 1}},
		"done before": {steps: func(b *phone, given func(request) *asked) {
			b.did(bind)
			given(b.history[0]).done = true
			b.did(bind)
			b.did(unbind)
		}, want: []int{0}},
		"at one that knows": {knows: true, steps: func(b *phone, given func(request) *asked) {
			b.did(bind)
			given(b.history[0])
			b.did(unbind)
		}, want: []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := (&world{now: second}).inhabited()
			b, p := &phone{w: w, aor: "x", acked: -1}, knowing(w)
			p.belied = !c.knows
			w.phones = []*phone{b}
			c.steps(b, func(r request) *asked {
				a := &asked{w: w, p: p, ph: b, r: r}
				w.judge.asked = append(w.judge.asked, a)
				return a
			})
			for found := range 6 {
				x := expectation{b, b.acked}
				if _, fault := x.judge(w, found); (fault == "") != slices.Contains(c.want, found) {
					t.Errorf("request %d found: %q", found, fault)
				}
			}
		})
	}
}

// knowing is a member that knows what is acknowledged.
func knowing(w *world) *process { return &process{w: w, told: [2]bool{true, false}} }

// begins notes a request as begun, ends as acknowledged a second later, did both.
func (ph *phone) begins(d deed) {
	ph.w.now += second
	ph.note(d, 3600)
	ph.waiting = true
	ph.quietAt = ph.w.now + answerTime
}

func (ph *phone) ends() {
	ph.w.now += second
	ph.waiting = false
	last := len(ph.history) - 1
	for ph.history[last].by != nil {
		last--
	}
	ph.acknowledged(last)
}

func (ph *phone) did(d deed) { ph.begins(d); ph.ends() }
