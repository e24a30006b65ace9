package ring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var sameTable = gocmp.Options{gocmp.AllowUnexported(Table{}), cmpopts.EquateEmpty()}

// TestDeriveIsBuild: whatever came and went, one at a time or several, in
// whatever zones and on whatever nodes, the table is the one that Build makes.
func TestDeriveIsBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, wide := replicas.Draw(t, "replicas"), rapid.Bool().Draw(t, "a node may be in two zones")
		pool := clusters(1).Draw(t, "pool")
		for i := range pool {
			if wide && pool[i].Node != "" {
				pool[i].Node = pool[i].Node[len(pool[i].Node)-1:]
			}
		}
		table := Build(nil, 64, r)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			members := slices.Clone(pool)
			members = slices.DeleteFunc(members, func(Member) bool { return rapid.IntRange(0, 3).Draw(t, "out") == 0 })
			if len(members) > 0 && rapid.Bool().Draw(t, "one moves") {
				members[0].Zone, members[0].Node = "moved", "moved"
			}
			before := table.Members()
			table = table.Derive(rapid.Permutation(members).Draw(t, "order"))
			if diff := gocmp.Diff(Build(members, 64, r), table, sameTable); diff != "" {
				t.Fatalf("from %v to %v (-built +derived):\n%s", before, members, diff)
			}
		}
	})
}

// TestDeriveWhereANodeIsInTwoZones: there who goes can change partitions that it
// did not own.
func TestDeriveWhereANodeIsInTwoZones(t *testing.T) {
	a := func(id uint32, node string) Member { return Member{ID: id, Zone: "a", Node: node} }
	both := []Member{a(2, "o"), a(3, ""), a(4, "m"), a(6, ""), a(7, ""), {ID: 9, Zone: "b", Node: "m"}}
	before, after := append([]Member{a(1, ""), a(5, "")}, both...), append([]Member{a(8, "o")}, both...)
	for r := 1; r <= 5; r++ {
		if diff := gocmp.Diff(Build(after, 64, r), Build(before, 64, r).Derive(after), sameTable); diff != "" {
			t.Errorf("%d replicas (-built +derived):\n%s", r, diff)
		}
	}
}

// TestDeriveFollowsALargeCluster through the joining of its members, one by one,
// and the loss of some.
func TestDeriveFollowsALargeCluster(t *testing.T) {
	for name, members := range largeClusters(60) {
		t.Run(name, func(t *testing.T) {
			for _, r := range []int{1, 2, 3, 5} {
				table := Build(nil, 1024, r)
				for n := range members {
					table = table.Derive(members[:n+1])
				}
				for n := 50; n > 0; n -= 7 {
					left := slices.Delete(slices.Clone(table.Members()), n/2, n/2+1)
					table = table.Derive(left)
				}
				if diff := gocmp.Diff(Build(table.Members(), 1024, r), table, sameTable); diff != "" {
					t.Fatalf("%d replicas (-built +derived):\n%s", r, diff)
				}
			}
		})
	}
}

// largeClusters are the ways in which members are spread, by name.
func largeClusters(n int) map[string][]Member {
	shared, pairs := numbered(n, "a", "b", "c"), numbered(n, "a", "b")
	for i := range shared {
		shared[i].Node = fmt.Sprint(shared[i].Zone, i/3%(n/5))
		pairs[i].Node = fmt.Sprint(i)
	}
	return map[string][]Member{
		"no zones": numbered(n), "one zone": numbered(n, "a"), "three zones": numbered(n, "a", "b", "c"),
		"two zones and nodes": pairs, "shared nodes": shared,
	}
}

func TestDeriveLeavesTheEarlierTableAlone(t *testing.T) {
	before := Build(numbered(9, "a", "b", "c"), 64, 2)
	want := Build(numbered(9, "a", "b", "c"), 64, 2)
	before.Derive(numbered(10, "a", "b", "c"))
	before.Derive(numbered(8, "a", "b", "c"))
	if diff := gocmp.Diff(want, before, sameTable); diff != "" {
		t.Errorf("after two tables were derived from it (-want +got):\n%s", diff)
	}
	if before.Derive(numbered(9, "a", "b", "c")) != before {
		t.Error("the same members give another table")
	}
}

func TestDistance(t *testing.T) {
	table := Build(numbered(3, "a"), 8, 2)
	for name, tt := range map[string]struct {
		members []Member
		want    int
	}{
		"the same":        {numbered(3, "a"), 0},
		"one more":        {numbered(4, "a"), 1},
		"two fewer":       {numbered(1, "a"), 2},
		"none":            {nil, 3},
		"another zone":    {append(numbered(2, "a"), Member{ID: 3, Zone: "b"}), 2},
		"one for another": {append(numbered(2, "a"), Member{ID: 9, Zone: "a"}), 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := table.Distance(tt.members); got != tt.want {
				t.Errorf("distance %d, want %d", got, tt.want)
			}
		})
	}
}

func BenchmarkDerive(b *testing.B) {
	for name, members := range largeClusters(300) {
		all, fewer := Build(members, DefaultPartitions, DefaultReplicas), Build(members[:299], DefaultPartitions, DefaultReplicas)
		b.Run(name+"/join", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fewer.Derive(members)
			}
		})
		b.Run(name+"/loss", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				all.Derive(members[:299])
			}
		})
	}
}

// TestDeriveCostsLittle: far less than Build where a member of many comes or goes.
// It takes a thirtieth of the time.
func TestDeriveCostsLittle(t *testing.T) {
	members := numbered(300, "a", "b", "c")
	all, fewer := Build(members, DefaultPartitions, DefaultReplicas), Build(members[1:], DefaultPartitions, DefaultReplicas)
	best := func(f func()) time.Duration {
		least := time.Hour
		for range 5 {
			began := time.Now()
			f()
			least = min(least, time.Since(began))
		}
		return least
	}
	build := best(func() { Build(members, DefaultPartitions, DefaultReplicas) })
	for name, derive := range map[string]func(){"one comes": func() { fewer.Derive(members) }, "one goes": func() { all.Derive(members[1:]) }} {
		took := best(derive)
		for try := 1; took > build/5 && try < 10; try++ { // the machine may be busy, not every time
			took = min(took, best(derive))
		}
		if took > build/5 {
			t.Errorf("%s: %v, Build takes %v", name, took, build)
		}
	}
}
