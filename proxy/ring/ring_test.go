package ring

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// numbered returns the members 1 to n, in the given zones by turns.
func numbered(n int, zones ...string) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i].ID = uint32(i + 1)
		if len(zones) > 0 {
			members[i].Zone = zones[i%len(zones)]
		}
	}
	return members
}

// clusters draws member sets with few or many zones and nodes, known and unknown.
func clusters(least int) *rapid.Generator[[]Member] {
	return rapid.Custom(func(t *rapid.T) []Member {
		zones := rapid.SampledFrom([][]string{
			{""}, {"a"}, {"a", "b"}, {"a", "b", "c"}, {"", "a"}, {"", "a", "b", "c", "d", "e"},
		}).Draw(t, "zones")
		nodes := rapid.SampledFrom([][]string{{""}, {"m"}, {"m", "n"}, {"", "m", "n", "o"}}).Draw(t, "nodes")
		return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Member {
			m := Member{
				ID:   rapid.OneOf(rapid.Uint32Range(1, 24), rapid.Uint32Min(1)).Draw(t, "id"),
				Zone: rapid.SampledFrom(zones).Draw(t, "zone"),
			}
			if node := rapid.SampledFrom(nodes).Draw(t, "node"); node != "" {
				m.Node = m.Zone + node // a node is in one zone
			}
			return m
		}), least, 12, func(m Member) uint32 { return m.ID }).Draw(t, "members")
	})
}

var replicas = rapid.IntRange(1, 5)

// ownersByWalk is the rule as the package comment words it, as plainly as can be.
func ownersByWalk(members []Member, p, replicas int) []uint32 {
	ranked := slices.Clone(members)
	scoreOf := func(m Member) uint64 { return score(partitionSeed(p), memberSeed(m.ID)) }
	slices.SortFunc(ranked, func(a, b Member) int { return cmp.Compare(scoreOf(b), scoreOf(a)) })
	chosen, zones, nodes := map[uint32]bool{}, map[string]bool{"": false}, map[string]bool{"": false}
	take := func(free func(m Member) bool) {
		for _, m := range ranked {
			if len(chosen) < replicas && !chosen[m.ID] && free(m) {
				chosen[m.ID] = true
				zones[m.Zone], nodes[m.Node] = m.Zone != "", m.Node != ""
			}
		}
	}
	take(func(m Member) bool { return !zones[m.Zone] && (m.Zone != "" || !nodes[m.Node]) })
	take(func(m Member) bool { return !nodes[m.Node] })
	take(func(Member) bool { return true })
	var owners []uint32
	for _, m := range ranked {
		if chosen[m.ID] {
			owners = append(owners, m.ID)
		}
	}
	return owners
}

func TestBuildFollowsTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, r := clusters(0).Draw(t, "cluster"), replicas.Draw(t, "replicas")
		table := Build(members, 32, r)
		for p := range table.Partitions() {
			if diff := gocmp.Diff(ownersByWalk(members, p, r), table.Owners(p)); diff != "" {
				t.Fatalf("partition %d of %v (-rule +table):\n%s", p, members, diff)
			}
		}
	})
}

func TestBuildIgnoresOrderAndDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, r := clusters(1).Draw(t, "cluster"), replicas.Draw(t, "replicas")
		want := Build(members, 64, r)
		again := slices.Concat(rapid.Permutation(members).Draw(t, "order"), members[:1])
		again = append(again, Member{ID: 0, Zone: "ignored", Node: "ignored"}, Member{ID: members[0].ID})
		if diff := gocmp.Diff(want, Build(again, 64, r), gocmp.AllowUnexported(Table{})); diff != "" {
			t.Fatalf("same members, another table (-first +second):\n%s", diff)
		}
	})
}

func TestBuildLeavesItsArgumentAlone(t *testing.T) {
	members := []Member{{ID: 3}, {ID: 0}, {ID: 1, Zone: "b"}, {ID: 1}}
	before := slices.Clone(members)
	Build(members, 8, 2)
	if diff := gocmp.Diff(before, members); diff != "" {
		t.Errorf("members after Build (-before +after):\n%s", diff)
	}
}

func TestLeavingMovesOnlyTheSeatsOfTheOneThatLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, r := clusters(2).Draw(t, "cluster"), replicas.Draw(t, "replicas")
		i := rapid.IntRange(0, len(members)-1).Draw(t, "leaver")
		leaver := members[i].ID
		before := Build(members, 64, r)
		after := Build(slices.Delete(slices.Clone(members), i, i+1), 64, r)
		owned := 0
		for p := range 64 {
			old, now := before.Owners(p), after.Owners(p)
			if !before.IsOwner(p, leaver) {
				if !slices.Equal(old, now) {
					t.Fatalf("partition %d: %v to %v, though %d owned no seat of it", p, old, now, leaver)
				}
				continue
			}
			owned++
			stayed := without(old, func(id uint32) bool { return id == leaver })
			kept := without(now, func(id uint32) bool { return !slices.Contains(old, id) })
			if !slices.Equal(stayed, kept) || len(now) > len(stayed)+1 {
				t.Fatalf("partition %d: %v to %v, more than the seat of %d changed", p, old, now, leaver)
			}
		}
		// Joining is the same step backwards.
		if out, in := moved(before, after), moved(after, before); out != owned || in != owned {
			t.Fatalf("moved %d by leaving and %d by joining, %d were owned", out, in, owned)
		}
	})
}

func without(ids []uint32, drop func(uint32) bool) []uint32 {
	return slices.DeleteFunc(slices.Clone(ids), drop)
}

func TestOwnersSpreadOverZones(t *testing.T) {
	tests := map[string]struct {
		members   []Member
		replicas  int
		wantZones int // distinct zones in every partition
	}{
		"two of three zones":         {numbered(9, "a", "b", "c"), 2, 2},
		"as many zones as owners":    {numbered(9, "a", "b", "c"), 3, 3},
		"fewer zones than owners":    {numbered(9, "a", "b"), 4, 2},
		"one zone":                   {numbered(5, "a"), 3, 1},
		"one member apart":           {append(numbered(5, "a"), Member{ID: 6, Zone: "b"}), 2, 2},
		"an unknown zone is another": {append(numbered(5, "a"), Member{ID: 6}), 2, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			zone := map[uint32]string{}
			for _, m := range tt.members {
				zone[m.ID] = m.Zone
			}
			table := Build(tt.members, 512, tt.replicas)
			for p := range table.Partitions() {
				zones := map[string]bool{}
				for _, id := range table.Owners(p) {
					zones[zone[id]] = true
				}
				if len(zones) != tt.wantZones {
					t.Fatalf("partition %d: owners %v are in %d zones, want %d", p, table.Owners(p), len(zones), tt.wantZones)
				}
			}
		})
	}
}

// A node that dies must not take both copies with it where another has room.
func TestOwnersSpreadOverNodes(t *testing.T) {
	on := func(zone string, nodes ...string) (members []Member) {
		for i, node := range nodes {
			members = append(members, Member{ID: uint32(i + 1), Zone: zone, Node: node})
		}
		return members
	}
	tests := map[string]struct {
		members  []Member
		replicas int
		want     int // distinct nodes in every partition
	}{
		"two of three on one node":           {on("", "m", "m", "n"), 2, 2},
		"the same in one zone":               {on("a", "m", "m", "n"), 2, 2},
		"as many nodes as owners":            {on("", "m", "m", "n", "o"), 3, 3},
		"fewer nodes than owners":            {on("", "m", "m", "n"), 3, 2},
		"one node":                           {on("a", "m", "m", "m"), 2, 1},
		"unknown nodes are different":        {on("", "", "", ""), 2, 2},
		"a third owner in one of two zones":  {append(on("a", "m", "m", "n"), Member{ID: 4, Zone: "b", Node: "o"}), 3, 3},
		"zones come first, and nodes follow": {append(on("a", "m", "n", "n"), Member{ID: 8, Zone: "b", Node: "o"}, Member{ID: 9, Zone: "b", Node: "p"}), 4, 4},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			node := map[uint32]string{}
			for _, m := range tt.members {
				node[m.ID] = m.Node
				if m.Node == "" {
					node[m.ID] = fmt.Sprint(m.ID)
				}
			}
			table := Build(tt.members, 512, tt.replicas)
			for p := range table.Partitions() {
				nodes := map[string]bool{}
				for _, id := range table.Owners(p) {
					nodes[node[id]] = true
				}
				if len(nodes) != tt.want {
					t.Fatalf("partition %d: owners %v are on %d nodes, want %d", p, table.Owners(p), len(nodes), tt.want)
				}
			}
		})
	}
}

func TestUnknownZonesAreNotShared(t *testing.T) {
	// Were "" one zone of many members, member 1 would own every partition.
	members := numbered(10)
	members[0].Zone = "a"
	table := Build(members, DefaultPartitions, 2)
	owned := 0
	for p := range table.Partitions() {
		if table.IsOwner(p, 1) {
			owned++
		}
	}
	if even := table.Partitions() * 2 / 10; owned > even*11/10 {
		t.Errorf("the one member with a zone owns %d partitions, even would be %d", owned, even)
	}
}

// checkShares reports a largest share above most times an even one, and shares
// that do not add up.
func checkShares(t *testing.T, members []Member, most float64) {
	t.Helper()
	table := Build(members, DefaultPartitions, DefaultReplicas)
	largest, sum := 0.0, 0.0
	for _, m := range members {
		largest = max(largest, table.Share(m.ID))
		sum += table.Share(m.ID)
	}
	if got := largest * float64(len(members)); got > most {
		t.Errorf("the largest share is %.3f of an even one, want at most %.3f", got, most)
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("shares add up to %v", sum)
	}
}

// TestShareIsEven holds the bounds that capacity is planned with, for the IDs a
// cluster has that was never scaled down: 1 to n.
func TestShareIsEven(t *testing.T) {
	bounds := map[int]float64{100: 1.30}
	for n := 2; n <= 20; n++ {
		bounds[n] = 1.10
	}
	for n, most := range bounds {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			checkShares(t, numbered(n), most)
			checkShares(t, numbered(n, "a", "b", "c"), most)
		})
	}
}

// TestShareOfAnyIDsIsChance: among members with arbitrary IDs a share varies as
// chance has it, no more. Five standard deviations are beyond any fluke here,
// and well short of what a weak mix would do.
func TestShareOfAnyIDsIsChance(t *testing.T) {
	for _, n := range []int{2, 5, 20, 100} {
		most := 1 + 5*math.Sqrt(float64(n-1)/DefaultPartitions)
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("%d/%d", n, seed), func(t *testing.T) {
				members := make([]Member, n)
				for i, id := range rand.New(rand.NewPCG(seed, 0)).Perm(2 * n)[:n] {
					members[i].ID = uint32(id + 1)
				}
				checkShares(t, members, most)
			})
		}
	}
}
