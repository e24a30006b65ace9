package server

import (
	"fmt"
	"testing"
	"time"
)

// Who calls over a connection is the one that has registered over it, also where more
// have than are noted: a request within the dialog must not look for another.
func TestWhoCallsOverAConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		registered int
		who        string
		want       string
	}{
		"nobody has":             {0, "sip:a@example.com", " 0"},
		"the only one":           {1, "sip:1@example.com", "sip:1@example.com 1"},
		"the first of two":       {2, "sip:1@example.com", "sip:1@example.com 1"},
		"by another name":        {2, "sip:a@example.com", "sip:2@example.com 2"},
		"nobody says who":        {2, "", "sip:2@example.com 2"},
		"noted of many":          {9, "sip:8@example.com", "sip:8@example.com 8"},
		"one of many":            {9, "sip:3@example.com", "sip:3@example.com 0"},
		"nobody says who of all": {9, "", "sip:9@example.com 9"},
	} {
		n := newRegistrants()
		for i := range uint64(tt.registered) {
			n.add(7, fmt.Appendf(nil, "sip:%d@example.com", i+1), i+1)
		}
		if e := n.of(7, []byte(tt.who)); fmt.Sprintf("%s %d", e.AOR, e.Instance) != tt.want {
			t.Errorf("%s: %s %d, want %s", name, e.AOR, e.Instance, tt.want)
		}
	}
}

// What is noted already is no news, needs no memory, and stays the newest.
func TestWhoRegistersAgainIsNoNews(t *testing.T) {
	n := newRegistrants()
	one, two := []byte("sip:1@example.com"), []byte("sip:2@example.com")
	for i, tt := range []struct {
		aor      []byte
		instance uint64
		want     bool
	}{{one, 1, true}, {one, 1, false}, {two, 1, true}, {two, 1, false}, {one, 1, true}, {one, 2, true}, {one, 2, false}} {
		if got := n.add(7, tt.aor, tt.instance); got != tt.want {
			t.Errorf("%d: %s %d is news: %v", i, tt.aor, tt.instance, got)
		}
		if e := n.of(7, nil); string(e.AOR) != string(tt.aor) || e.Instance != tt.instance {
			t.Errorf("%d: the newest is %s %d", i, e.AOR, e.Instance)
		}
	}
	if allocs := testing.AllocsPerRun(100, func() { n.add(7, one, 2) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n.remove(7, one); !n.add(7, one, 2) {
		t.Error("what was removed is no news")
	}
	if n.end(7); !n.add(7, one, 2) {
		t.Error("what is over is no news")
	}
}

// What it costs to note a REGISTER that is a refresh, by turns as if it were another's.
func BenchmarkRegistrants(b *testing.B) {
	n := newRegistrants()
	aors := [2][]byte{[]byte("sip:1@example.com"), []byte("sip:2@example.com")}
	const turn = 200
	var took [2]time.Duration
	for b.Loop() {
		for i := range took {
			began := time.Now()
			for j := range turn {
				n.add(7, aors[j%2*(1-i)], 1)
			}
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[0])/float64(b.N*turn), "news-ns")
	b.ReportMetric(float64(took[1])/float64(b.N*turn), "refresh-ns")
}
