package membership

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// report is made by a member some time after everybody started.
func report(reporter string, suspects ...string) Report {
	return Report{Reporter: reporter, Suspects: suspects, At: start.Add(time.Minute)}
}

// refused is of one at whose port nothing listened.
func refused(reporter string, suspects ...string) Report {
	r := report(reporter, suspects...)
	r.Ended = suspects
	return r
}

func pods(n int) []Pod {
	var ps []Pod
	for id := range n {
		ps = append(ps, pod(uint32(id+1)))
	}
	return ps
}

func restarted(ps []Pod, id int, at time.Time) []Pod {
	ps[id-1].Started = at
	return ps
}

func TestEvict(t *testing.T) {
	later := start.Add(2 * time.Minute)
	tests := map[string]struct {
		pods    []Pod
		reports []Report
		want    []string
	}{
		"nobody says anything":           {pods(3), nil, nil},
		"one of two others":              {pods(3), []Report{report("ring-0", "ring-2")}, nil},
		"two of two others":              {pods(3), []Report{report("ring-0", "ring-2"), report("ring-1", "ring-2")}, []string{"ring-2"}},
		"half of the others":             {pods(5), []Report{report("ring-0", "ring-4"), report("ring-1", "ring-4")}, nil},
		"more than half of the others":   {pods(5), []Report{report("ring-0", "ring-4"), report("ring-1", "ring-4"), report("ring-2", "ring-4")}, []string{"ring-4"}},
		"its own report does not count":  {pods(3), []Report{report("ring-0", "ring-2"), report("ring-2", "ring-2")}, nil},
		"a name twice counts once":       {pods(4), []Report{report("ring-0", "ring-2", "ring-2")}, nil},
		"who is no member has no vote":   {pods(3), []Report{report("ring-0", "ring-2"), report("ring-9", "ring-2")}, nil},
		"a joining member has no vote":   {append(pods(3), pod(4, notReady)), []Report{report("ring-0", "ring-2"), report("ring-3", "ring-2")}, nil},
		"a draining member has no vote":  {append(pods(3), pod(4, deleting)), []Report{report("ring-0", "ring-2"), report("ring-3", "ring-2")}, nil},
		"two, one cut off":               {pods(2), []Report{report("ring-0", "ring-1")}, []string{"ring-1"}},
		"two, the first cut off":         {pods(2), []Report{report("ring-1", "ring-0")}, []string{"ring-0"}},
		"two suspect each other":         {pods(2), []Report{report("ring-0", "ring-1"), report("ring-1", "ring-0")}, []string{"ring-1"}},
		"one alone":                      {pods(1), []Report{report("ring-0", "ring-0")}, nil},
		"minority of three":              {pods(3), []Report{report("ring-0", "ring-1", "ring-2"), report("ring-1", "ring-0"), report("ring-2", "ring-0")}, []string{"ring-0"}},
		"minority of five":               {pods(5), split(2, 5), []string{"ring-0", "ring-1"}},
		"halves of four: one stays":      {pods(4), split(2, 4), []string{"ring-2", "ring-3"}},
		"halves of six: one stays":       {pods(6), split(3, 6), []string{"ring-3", "ring-4", "ring-5"}},
		"said before the reporter began": {restarted(pods(3), 1, later), []Report{report("ring-0", "ring-2"), report("ring-1", "ring-2")}, nil},
		"said before the suspect began":  {restarted(pods(3), 3, later), []Report{report("ring-0", "ring-2"), report("ring-1", "ring-2")}, nil},
		"clocks a little apart": {
			restarted(pods(3), 3, start.Add(time.Minute+ClockTolerance)),
			[]Report{report("ring-0", "ring-2"), report("ring-1", "ring-2")},
			[]string{"ring-2"},
		},
		"no time at all": {pods(3), []Report{{Reporter: "ring-0", Suspects: []string{"ring-2"}}, {Reporter: "ring-1", Suspects: []string{"ring-2"}}}, nil},
		"the newest report counts": {
			pods(3),
			[]Report{report("ring-0", "ring-2"), report("ring-1", "ring-2"), {Reporter: "ring-1", At: later}},
			nil,
		},
		"lost one after the other": {
			pods(4),
			[]Report{report("ring-0", "ring-2", "ring-3"), report("ring-1", "ring-3"), report("ring-2", "ring-3")},
			[]string{"ring-3"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Next(Input{Ring: testRing, Pods: tt.pods, Reports: tt.reports})
			if d := cmp.Diff(tt.want, r.Evicted); d != "" {
				t.Errorf("evicted (-want +got):\n%s", d)
			}
		})
	}
}

// split is what n members say when the first k do not reach the others.
func split(k, n int) []Report {
	var reports []Report
	for i := range n {
		var others []string
		for j := range n {
			if (i < k) != (j < k) {
				others = append(others, pod(uint32(j+1)).Name)
			}
		}
		reports = append(reports, report(pod(uint32(i+1)).Name, others...))
	}
	return reports
}

func TestEvictedComesBack(t *testing.T) {
	in := Input{Ring: testRing, Pods: pods(3), Reports: []Report{report("ring-0", "ring-2"), report("ring-1", "ring-2")}}
	in.Previous = Next(in).Set
	if s := in.Previous.Members[2].State; s != "joining" {
		t.Fatalf("evicted member is %s", s)
	}
	in.Reports[0].Suspects = nil
	r := Next(in)
	if s := r.Set.Members[2].State; s != "active" || len(r.Evicted) != 0 {
		t.Errorf("member is %s, evicted %v; want it back", s, r.Evicted)
	}
}
