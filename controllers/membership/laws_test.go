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

const most = 7

// genInput draws pods, nodes and reports of up to most members, some absurd.
func genInput(t *rapid.T, previous *config.MemberSet) Input {
	in := Input{
		Ring: testRing, Previous: previous,
		Advertise: rapid.SampledFrom([]string{"", "192.0.2.1:5060"}).Draw(t, "advertise"),
		Floor:     rapid.Uint64Range(0, 9).Draw(t, "floor"),
	}
	count := rapid.IntRange(0, most).Draw(t, "pods")
	for i := range count {
		in.Pods = append(in.Pods, genPod(t, uint32(i+1)))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "nodes") {
		in.Nodes = append(in.Nodes, Node{
			Name: fmt.Sprintf("node-%d", i), Lost: rapid.IntRange(0, 3).Draw(t, "lost") == 0,
			Deleted: rapid.IntRange(0, 5).Draw(t, "deleted") == 0,
			Zone:    rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"),
		})
	}
	name := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("ring-%d", rapid.IntRange(0, most).Draw(t, "name")) })
	for range rapid.IntRange(0, most+2).Draw(t, "reports") {
		in.Reports = append(in.Reports, Report{
			Reporter: name.Draw(t, "reporter"), Suspects: rapid.SliceOfN(name, 0, most).Draw(t, "suspects"),
			At:      start.Add(time.Duration(rapid.IntRange(-20, 20).Draw(t, "at")) * time.Second),
			Serving: rapid.SampledFrom([]config.Word{config.Silent, config.NotYet, config.Serving, config.NotServing}).Draw(t, "word"),
		})
	}
	return in
}

func genPod(t *rapid.T, id uint32) Pod {
	rarely := func(label string) bool { return rapid.IntRange(0, 5).Draw(t, label) == 0 }
	p := pod(id)
	p.Node = fmt.Sprintf("node-%d", rapid.IntRange(0, 3).Draw(t, "node"))
	p.Ready, p.Running = !rarely("not ready"), !rarely("not running")
	p.Deleting, p.Finished = rarely("deleting"), rarely("finished")
	p.Started = start.Add(time.Duration(rapid.IntRange(-20, 20).Draw(t, "started")) * time.Second)
	if rarely("odd address") {
		p.Address = rapid.SampledFrom([]string{"", "x", "10.0.0.1", "::ffff:10.0.0.2", "2001:db8::1"}).Draw(t, "address")
	}
	return p
}

// TestLaws walks through a history of decisions, each from the last one's set.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var previous *config.MemberSet
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			in := genInput(t, previous)
			r := Next(in)
			checkSet(t, in, r)
			checkStable(t, in, r)
			checkEviction(t, in, r)
			previous = r.Set
		}
	})
}

func checkSet(t *rapid.T, in Input, r Result) {
	if err := r.Set.Validate(); err != nil {
		t.Fatal(err)
	}
	if p := in.Previous; p != nil {
		same := r.Set.SameContent(p) && p.Epoch >= in.Floor
		if r.Set.Epoch < p.Epoch || r.Changed == same || r.Changed == (r.Set.Epoch == p.Epoch) {
			t.Fatalf("epoch %d after %d, changed %v:\n%s", r.Set.Epoch, p.Epoch, r.Changed, cmp.Diff(p, r.Set))
		}
	}
	if len(r.Endpoints) != len(r.Set.Members) {
		t.Fatalf("%d endpoints of %d members", len(r.Endpoints), len(r.Set.Members))
	}
	for i, m := range r.Set.Members {
		e := r.Endpoints[i]
		if e.Address != m.Address || e.Ready && (m.State != config.Active || !e.Serving) || m.State == config.Draining && !e.Terminating {
			t.Fatalf("endpoint %+v of member %+v", e, m)
		}
	}
	traffic := slices.ContainsFunc(r.Endpoints, func(e Endpoint) bool { return e.Ready })
	if ring := len(inRing(r.Set)); traffic != (ring > 0) {
		t.Fatalf("%d in the ring, traffic to somebody: %v", ring, traffic)
	}
}

// checkStable: order does not matter, and deciding again changes nothing.
func checkStable(t *rapid.T, in Input, r Result) {
	shuffled := in
	shuffled.Pods = rapid.Permutation(in.Pods).Draw(t, "shuffled pods")
	shuffled.Nodes = slices.Clone(in.Nodes)
	slices.Reverse(shuffled.Nodes)
	shuffled.Reports = rapid.Permutation(in.Reports).Draw(t, "shuffled reports")
	if d := cmp.Diff(r, Next(shuffled)); d != "" {
		t.Fatalf("order matters:\n%s", d)
	}
	again := in
	again.Previous = r.Set
	if n := Next(again); n.Changed || n.Set.Epoch != r.Set.Epoch || len(n.Changes) != 0 || n.Held != r.Held {
		t.Fatalf("not stable: %+v\n%s", n.Changes, cmp.Diff(r.Set, n.Set))
	}
}

// checkEviction against the plainest reading of the rule.
func checkEviction(t *rapid.T, in Input, r Result) {
	unsuspected := in
	unsuspected.Reports = nil
	for _, said := range latest(in.Reports) {
		said.Suspects = nil
		unsuspected.Reports = append(unsuspected.Reports, said)
	}
	live := len(inRing(Next(unsuspected).Set))
	left := len(inRing(r.Set))
	if live > 0 && left == 0 {
		t.Fatalf("eviction emptied the ring: %d live, evicted %v", live, r.Evicted)
	}
	if live != left+len(r.Evicted) {
		t.Fatalf("%d live, %d left, evicted %v", live, left, r.Evicted)
	}
	for _, name := range r.Evicted {
		voters := map[string]bool{}
		for _, said := range in.Reports {
			if said.Reporter != name && slices.Contains(said.Suspects, name) {
				voters[said.Reporter] = true
			}
		}
		if len(voters) == 0 {
			t.Fatalf("%s evicted though nobody suspects it", name)
		}
	}
}

// TestMinorityEvictsNobody: whatever a minority says, the majority, which
// reaches all its own members, stays in the ring.
func TestMinorityEvictsNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 12).Draw(t, "members")
		minority := rapid.IntRange(0, (n-1)/2).Draw(t, "minority")
		var reports []Report
		for i := range n {
			reach := n
			if i >= minority {
				reach = minority // the majority suspects at most the minority
			}
			var suspects []string
			for j := range reach {
				if rapid.Bool().Draw(t, "suspects") {
					suspects = append(suspects, pod(uint32(j+1)).Name)
				}
			}
			reports = append(reports, report(pod(uint32(i+1)).Name, suspects...))
		}
		r := Next(Input{Ring: testRing, Pods: pods(n), Reports: reports})
		for _, m := range r.Set.Members[minority:] {
			if m.State != config.Active {
				t.Fatalf("%d of %d evicted %s of the majority: %v", minority, n, m.Name, r.Evicted)
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	var members []Pod
	for id := range 1000 {
		p := pod(uint32(id + 1))
		p.Address = fmt.Sprintf("10.0.%d.%d", id/250, id%250)
		members = append(members, p)
	}
	previous := Next(Input{Ring: testRing, Pods: members}).Set
	b.ReportAllocs()
	for b.Loop() {
		Next(Input{Ring: testRing, Pods: members, Previous: previous})
	}
}
