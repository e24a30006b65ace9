package metric

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// shown is what a pedantic registry gathers, a line each without help and type.
func shown(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	in := prometheus.NewPedanticRegistry()
	in.MustRegister(c)
	families, err := in.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		for _, m := range f.Metric {
			line := f.GetName()
			for _, l := range m.Label {
				line += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
			}
			lines = append(lines, fmt.Sprint(line, " ", m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	return lines
}

// TestVectorsAreThereFromTheStart: with every value of their labels, in the order
// in which they are returned.
func TestVectorsAreThereFromTheStart(t *testing.T) {
	s := NewSet("x_")
	all := s.Counters("a_total", "A.", Label{"b", []string{"1", "2"}}, Label{"c", []string{"3", "4"}})
	s.Gauges("d", "D.", Label{"e", []string{"5", "6"}})[1].Set(7)
	want := []string{
		"x_a_total b=1 c=3 0", "x_a_total b=1 c=4 0", "x_a_total b=2 c=3 0", "x_a_total b=2 c=4 0",
		"x_d e=5 0", "x_d e=6 7",
	}
	if d := cmp.Diff(want, shown(t, s)); d != "" {
		t.Errorf("at the start (-want +got):\n%s", d)
	}
	all[2].Add(3)
	want[2] = "x_a_total b=2 c=3 3"
	if d := cmp.Diff(want, shown(t, s)); d != "" || all[2].Load() != 3 {
		t.Errorf("later (-want +got), read as %d:\n%s", all[2].Load(), d)
	}
}

// TestObjectsHaveAllFromTheirBeginningOn: and nothing after their end.
func TestObjectsHaveAllFromTheirBeginningOn(t *testing.T) {
	s := NewSet("x_")
	objects := s.Objects("name")
	failures := objects.Counters("failures_total", "F.", Label{"cause", []string{"gone", "lost"}})
	objects.Gauges("size", "S.").WithLabelValues("b").Set(2)
	objects.Begin("a")
	failures.WithLabelValues("a", "lost").Inc()
	objects.Begin("a")
	want := []string{"x_failures_total cause=gone name=a 0", "x_failures_total cause=lost name=a 1", "x_size name=a 0", "x_size name=b 2"}
	if d := cmp.Diff(want, shown(t, s)); d != "" {
		t.Errorf("begun (-want +got):\n%s", d)
	}
	objects.End("a")
	if d := cmp.Diff([]string{"x_size name=b 2"}, shown(t, s)); d != "" {
		t.Errorf("ended (-want +got):\n%s", d)
	}
}

type counted struct {
	Held   int     `metric:"held" help:"Held."`
	In     uint64  `metric:"seen_total{way=in}" help:"Seen."`
	Out    uint64  `metric:"seen_total{way=out}"`
	Spent  float64 `metric:"spent_seconds_total" help:"Spent."`
	Hidden uint64  `metric:"-"`
}

func TestFields(t *testing.T) {
	s, sum := NewSet("x_"), counted{Held: 1, In: 2, Out: 3, Spent: .5, Hidden: 9}
	Sum(&sum, &counted{Held: 10, In: 20, Out: 30, Spent: 5, Hidden: 90})
	Fields(s, func() counted { return sum })
	want := []string{"x_held 11", "x_seen_total way=in 22", "x_seen_total way=out 33", "x_spent_seconds_total 5.5"}
	if d := cmp.Diff(want, shown(t, s)); d != "" || sum.Hidden != 99 {
		t.Errorf("(-want +got), hidden %d:\n%s", sum.Hidden, d)
	}
	defer func() {
		if recover() == nil {
			t.Error("a field that does not say what it is was taken")
		}
	}()
	Fields(s, func() struct{ Lost uint64 } { return struct{ Lost uint64 }{} })
}

// TestObservingAllocatesNothing: what is made here is used on the hot path.
func TestObservingAllocatesNothing(t *testing.T) {
	s := NewSet("x_")
	c, h := s.Counters("a_total", "A.", Label{"b", []string{"1", "2"}}), s.Histogram("b_seconds", "B.", .1, 1)
	h.Observe(.5)
	if n := testing.AllocsPerRun(1000, func() { c[1].Inc(); h.Observe(.5) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestVectorsAreMadeHereAlone: nobody else makes one, who could forget its values,
// nor shows a count by hand.
func TestVectorsAreMadeHereAlone(t *testing.T) {
	made := regexp.MustCompile(`prometheus\.(New(Counter|Histogram|Summary|Untyped)Vec|(Must)?NewConst\w+)\(`)
	read := 0
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasPrefix(path, "../metric/") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for _, call := range made.FindAllString(string(text), -1) {
			t.Errorf("%s: %s...)", path, call)
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Errorf("%d files read: %v", read, err)
	}
}
