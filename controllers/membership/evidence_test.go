package membership

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
)

// passes is what successive passes of operators, which know nothing but what was
// published, make of pods as they change.
type passes struct {
	pods    []Pod
	nodes   []Node
	reports []Report
	last    Result
}

func whole(n int) *passes {
	p := &passes{pods: pods(n)}
	for i := range n {
		p.nodes = append(p.nodes, Node{Name: p.pods[i].Node})
	}
	p.pass()
	return p
}

func (p *passes) pass() Result {
	p.last = Next(Input{Ring: testRing, Previous: p.last.Set, Pods: p.pods, Nodes: p.nodes, Reports: p.reports})
	return p.last
}

// counts are how many are in the ring and how many get traffic.
func (p *passes) counts() [2]int {
	traffic := 0
	for _, e := range p.last.Endpoints {
		if e.Ready {
			traffic++
		}
	}
	return [2]int{len(inRing(p.last.Set)), traffic}
}

// TestEvidenceThatTricklesIn: no process ends and nobody complains, so the set
// stays whole however the news comes, and however it ends.
func TestEvidenceThatTricklesIn(t *testing.T) {
	unready := func(p *passes, i int) { p.pods[i].Ready = false }
	ready := func(p *passes, i int) { p.pods[i].Ready = true }
	for name, way := range map[string]struct{ fall, rise func(*passes, int) }{
		"not ready": {unready, ready},
		"nodes lost": {
			func(p *passes, i int) { p.nodes[i].Lost = true },
			func(p *passes, i int) { p.nodes[i].Lost = false },
		},
		"both": {
			func(p *passes, i int) { p.pods[i].Ready, p.nodes[i].Lost = false, true },
			func(p *passes, i int) { p.pods[i].Ready, p.nodes[i].Lost = true, false },
		},
	} {
		for _, together := range []int{1, 4, 9} {
			t.Run(fmt.Sprintf("%s, %d in a pass", name, together), func(t *testing.T) {
				p := whole(9)
				for _, change := range []func(*passes, int){way.fall, way.rise} {
					for i := range 9 {
						change(p, i)
						if (i+1)%together != 0 && i < 8 {
							continue
						}
						if p.pass(); p.counts() != [2]int{9, 9} {
							t.Fatalf("after %d: ring and traffic %v of 9", i+1, p.counts())
						}
					}
				}
				if p.last.Held || len(p.last.Kept) > 0 || p.last.Set.Epoch != 1 {
					t.Errorf("at the end held %v, kept %v, epoch %d", p.last.Held, p.last.Kept, p.last.Set.Epoch)
				}
			})
		}
	}
}

// TestHeldIsReleasedOneByOne: of nine that are held the first to be ready again
// throws nobody out, and each proves itself alone.
func TestHeldIsReleasedOneByOne(t *testing.T) {
	p := whole(9)
	for i := range p.pods {
		p.pods[i].Ready = false
	}
	if r := p.pass(); !r.Held || len(r.Kept) != 9 {
		t.Fatalf("held %v, kept %v", r.Held, r.Kept)
	}
	for i := range p.pods {
		p.pods[i].Ready = true
		if r := p.pass(); r.Held || len(r.Kept) != 8-i || p.counts() != [2]int{9, 9} {
			t.Errorf("%d ready again: held %v, kept %v, ring and traffic %v", i+1, r.Held, r.Kept, p.counts())
		}
	}
}

// TestOwnWord: what a process says of itself steers the traffic, whatever probes
// say of it, and the ring not; but for who joins.
func TestOwnWord(t *testing.T) {
	at := func(d time.Duration, w config.Word) []Report {
		return []Report{{Reporter: "ring-1", At: start.Add(d), Serving: w}}
	}
	three := set(7, all(3, config.Active)...)
	joins := set(7, member(1, config.Active), member(2, config.Joining), member(3, config.Active))
	lost := []Node{{Name: "node-2", Lost: true}}
	tests := map[string]struct {
		previous *config.MemberSet
		pod      Pod
		nodes    []Node
		reports  []Report
		state    config.MemberState
		traffic  bool
	}{
		"serves":                                  {three, pod(2), nil, at(0, config.Serving), config.Active, true},
		"serves, the probe is blocked":            {three, pod(2, notReady), nil, at(0, config.Serving), config.Active, true},
		"silent, the probe is blocked":            {three, pod(2, notReady), nil, nil, config.Active, true},
		"says no, the probe has not seen it":      {three, pod(2), nil, at(0, config.NotServing), config.Active, false},
		"says no, not ready":                      {three, pod(2, notReady), nil, at(0, config.NotServing), config.Active, false},
		"says no, its node lost":                  {three, pod(2), lost, at(0, config.NotServing), config.Active, false},
		"began again":                             {three, pod(2, notReady), nil, at(0, config.NotYet), config.Active, false},
		"began again, ready by now":               {three, pod(2), nil, at(0, config.NotYet), config.Active, true},
		"began again, only its predecessor spoke": {three, pod(2, notReady), nil, at(-1, config.Serving), config.Active, false},
		"its predecessor said no, it is ready":    {three, pod(2), nil, at(-1, config.NotServing), config.Active, true},
		"a word of no meaning":                    {three, pod(2, notReady), nil, at(0, config.ParseWord("x")), config.Active, true},
		"joins by its word":                       {joins, pod(2, notReady), nil, at(0, config.Serving), config.Active, true},
		"does not join by an old word":            {joins, pod(2, notReady), nil, at(-1, config.Serving), config.Joining, false},
		"does not join though ready":              {joins, pod(2), nil, at(0, config.NotServing), config.Joining, false},
		"joins as ready, its word is late":        {joins, pod(2), nil, at(0, config.NotYet), config.Active, true},
		"does not join from a lost node":          {joins, pod(2), lost, at(0, config.Serving), config.Joining, false},
		"ended":                                   {three, pod(2, ended), nil, at(0, config.Serving), config.Joining, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Next(Input{Ring: testRing, Previous: tt.previous, Pods: []Pod{pod(1), tt.pod, pod(3)}, Nodes: tt.nodes, Reports: tt.reports})
			m, e := r.Set.Members[1], r.Endpoints[1]
			if m.State != tt.state || e.Ready != tt.traffic || e.Serving != tt.traffic {
				t.Errorf("%s, endpoint ready %v and serving %v, want %s and %v", m.State, e.Ready, e.Serving, tt.state, tt.traffic)
			}
		})
	}
}

// TestDrainingServesWhileItSaysSo: it lets go by its word or its readiness,
// whichever is heard first.
func TestDrainingServesWhileItSaysSo(t *testing.T) {
	for name, tt := range map[string]struct {
		pod  Pod
		word config.Word
		want bool
	}{
		"hands over":           {pod(2, deleting), config.Serving, true},
		"lets go by its word":  {pod(2, deleting), config.NotServing, false},
		"lets go by the probe": {pod(2, deleting, notReady), config.Serving, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := Next(Input{Ring: testRing, Pods: []Pod{pod(1), tt.pod}, Reports: []Report{{Reporter: "ring-1", At: start, Serving: tt.word}}})
			if e := r.Endpoints[1]; e.Ready || e.Serving != tt.want || r.Set.Members[1].State != config.Draining {
				t.Errorf("ready %v, serving %v, want serving %v", e.Ready, e.Serving, tt.want)
			}
		})
	}
}

// TestAllSayNo: traffic goes to all rather than to nobody, and to who says yes
// as soon as somebody does.
func TestAllSayNo(t *testing.T) {
	p := whole(3)
	for i := range p.pods {
		p.reports = append(p.reports, Report{Reporter: p.pods[i].Name, At: start, Serving: config.NotServing})
		p.pass()
		if want := [2]int{3, []int{2, 1, 3}[i]}; p.counts() != want {
			t.Errorf("%d say no: ring and traffic %v, want %v", i+1, p.counts(), want)
		}
	}
	p.reports[1].Serving = config.Serving
	if p.pass(); p.counts() != [2]int{3, 1} || !p.last.Endpoints[1].Ready {
		t.Errorf("one serves again: ring and traffic %v", p.counts())
	}
}

// TestLostNodesThatAreMissed: with the votes of all who are heard of, and not
// without, members go whose nodes are lost, be they the most.
func TestLostNodesThatAreMissed(t *testing.T) {
	tests := map[string]struct {
		members, lost int // the first ones are
		voters        []int
		want          int // in the ring
	}{
		"two of three, missed":           {3, 2, []int{2}, 1},
		"two of three, nobody complains": {3, 2, nil, 3},
		"five of nine, missed":           {9, 5, []int{5, 6, 7, 8}, 4},
		"five of nine, missed by half":   {9, 5, []int{5, 6}, 9},
		"all, each missed by one":        {3, 3, []int{2}, 3},
		"none of four, two complain":     {4, 0, []int{2, 3}, 2},
		"none of five, two complain":     {5, 0, []int{3, 4}, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := whole(tt.members)
			var suspects []string
			for i := range max(tt.lost, 2) {
				suspects = append(suspects, p.pods[i].Name)
			}
			for i := range tt.lost {
				p.nodes[i].Lost = true
			}
			for _, v := range tt.voters {
				p.reports = append(p.reports, report(p.pods[v].Name, suspects...))
			}
			if p.pass(); p.counts() != [2]int{tt.want, tt.want} {
				t.Errorf("ring and traffic %v, want %d: %+v", p.counts(), tt.want, p.last.Set.Members)
			}
		})
	}
}

// TestOfTwoTheDoubtfulOneGoes: where both suspect each other, and nothing else
// would decide between them.
func TestOfTwoTheDoubtfulOneGoes(t *testing.T) {
	for name, doubt := range map[string]func(*passes){
		"not ready": func(p *passes) { p.pods[0].Ready = false },
		"node lost": func(p *passes) { p.nodes[0].Lost = true },
		"says no": func(p *passes) {
			p.reports[0].Serving = config.NotServing
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := whole(2)
			p.reports = []Report{report("ring-0", "ring-1"), report("ring-1", "ring-0")}
			doubt(p)
			if d := cmp.Diff([]string{"ring-0"}, p.pass().Evicted); d != "" {
				t.Errorf("evicted (-want +got):\n%s", d)
			}
		})
	}
}

// TestNothingBelowAMajorityWithoutVotes is the law of the above: passes see what
// they see in any order, operators come and go, and processes are asked to go,
// end or begin again; who left the ring did so for its own sake or for votes.
func TestNothingBelowAMajorityWithoutVotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "members")
		p := whole(n)
		out := map[string]bool{} // for its own sake, until it serves again
		for range rapid.IntRange(1, 25).Draw(t, "passes") {
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				i := rapid.IntRange(0, n-1).Draw(t, "who")
				change(t, p, i, out)
			}
			p.pass()
			for i, m := range p.last.Set.Members {
				if m.State != config.Active && !out[m.Name] {
					t.Fatalf("%s is %s: it runs, and nobody complained", m.Name, m.State)
				}
				if m.State == config.Active && p.pods[i].Running {
					delete(out, m.Name)
				}
			}
			if ring := len(inRing(p.last.Set)); 2*ring <= n && n-ring > len(out) {
				t.Fatalf("%d of %d in the ring, %d left by themselves", ring, n, len(out))
			}
		}
	})
}

// change is one piece of news of the pod or its node.
func change(t *rapid.T, p *passes, i int, out map[string]bool) {
	pod := &p.pods[i]
	switch rapid.IntRange(0, 5).Draw(t, "news") {
	case 0:
		pod.Ready = pod.Running && rapid.Bool().Draw(t, "ready")
	case 1:
		p.nodes[i].Lost = !p.nodes[i].Lost
	case 2: // its own word: out of the traffic, not out of the ring
		word := rapid.SampledFrom([]config.Word{config.NotYet, config.Serving, config.NotServing}).Draw(t, "word")
		p.reports = slices.DeleteFunc(p.reports, func(r Report) bool { return r.Reporter == pod.Name })
		p.reports = append(p.reports, Report{Reporter: pod.Name, At: pod.Started.Add(time.Second), Serving: word})
	case 3: // starts anew before anybody saw it end
		pod.Ready, pod.Started = false, pod.Started.Add(time.Minute)
	case 4:
		pod.Ready, pod.Running, out[pod.Name] = false, false, true
	case 5: // or has been running
		pod.Running = true
	}
}

// TestRestartOfTheOperatorChangesNothing: a decision follows from what was
// published, so that a leader that begins anew decides alike.
func TestRestartOfTheOperatorChangesNothing(t *testing.T) {
	p := whole(5)
	for i := range 4 {
		p.pods[i].Ready, p.nodes[i].Lost = false, i%2 == 0
		p.pass()
	}
	text, err := p.last.Set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := config.ParseMemberSet(text)
	if err != nil {
		t.Fatal(err)
	}
	before := p.last
	before.Changed, before.Changes = false, nil
	p.last.Set = read
	if d := cmp.Diff(before, p.pass()); d != "" {
		t.Errorf("the next leader decides otherwise (-before +after):\n%s", d)
	}
}
