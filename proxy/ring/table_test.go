package ring

import (
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTableAtItsEdges(t *testing.T) {
	type want struct {
		Partitions, Replicas, Members int
		Owners                        int // of every partition
	}
	tests := map[string]struct {
		table *Table
		want  want
	}{
		"zero table":           {&Table{}, want{0, 0, 0, 0}},
		"no members":           {Build(nil, 8, 2), want{8, 2, 0, 0}},
		"only an invalid ID":   {Build([]Member{{ID: 0}}, 8, 2), want{8, 2, 0, 0}},
		"one member":           {Build(numbered(1), 8, 2), want{8, 2, 1, 1}},
		"more replicas asked":  {Build(numbered(3), 8, 5), want{8, 5, 3, 3}},
		"more, and zones":      {Build(numbered(3, "a", "b"), 8, 5), want{8, 5, 3, 3}},
		"one replica":          {Build(numbered(3, "a", "b"), 8, 1), want{8, 1, 3, 1}},
		"defaults":             {Build(numbered(3), 0, 0), want{DefaultPartitions, DefaultReplicas, 3, 2}},
		"negative":             {Build(numbered(3), -1, -1), want{DefaultPartitions, DefaultReplicas, 3, 2}},
		"above the bounds":     {Build(numbered(1), math.MaxInt, math.MaxInt), want{MaxPartitions, MaxReplicas, 1, 1}},
		"the same ID twice":    {Build([]Member{{ID: 7}, {ID: 7, Zone: "a"}}, 8, 2), want{8, 2, 1, 1}},
		"the highest ID there": {Build([]Member{{ID: math.MaxUint32}}, 8, 2), want{8, 2, 1, 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := want{tt.table.Partitions(), tt.table.Replicas(), len(tt.table.Members()), tt.want.Owners}
			for p := range tt.table.Partitions() {
				if n := len(tt.table.Owners(p)); n != tt.want.Owners {
					got.Owners = n
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, p := range []int{-1, math.MinInt, tt.table.Partitions(), math.MaxInt} {
				if _, ok := tt.table.Home(p); ok || tt.table.Owners(p) != nil || tt.table.IsOwner(p, 1) {
					t.Errorf("partition %d has an owner", p)
				}
			}
		})
	}
}

func TestRankHomeAndShareAgreeWithOwners(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := clusters(1).Draw(t, "cluster")
		table := Build(members, 64, replicas.Draw(t, "replicas"))
		homes := map[uint32]int{}
		for p := range table.Partitions() {
			owners := table.Owners(p)
			home, ok := table.Home(p)
			if !ok || home != owners[0] {
				t.Fatalf("partition %d: home %d, %v; owners %v", p, home, ok, owners)
			}
			homes[home]++
			for _, m := range members {
				rank := slices.Index(owners, m.ID)
				if table.Rank(p, m.ID) != rank || table.IsOwner(p, m.ID) != (rank >= 0) {
					t.Fatalf("partition %d: rank of %d is %d; owners %v", p, m.ID, table.Rank(p, m.ID), owners)
				}
			}
		}
		for _, m := range members {
			if got, want := table.Share(m.ID), float64(homes[m.ID])/64; got != want {
				t.Fatalf("share of %d is %v, want %v", m.ID, got, want)
			}
		}
		if table.Share(0) != 0 {
			t.Fatal("a member that is not there has a share")
		}
	})
}

func TestOwnersCannotGrowIntoTheNextPartition(t *testing.T) {
	table := Build(numbered(3), 8, 2)
	want := slices.Clone(table.Owners(1))
	_ = append(table.Owners(0), 99)
	if diff := gocmp.Diff(want, table.Owners(1)); diff != "" {
		t.Errorf("owners of 1 after an append to those of 0 (-want +got):\n%s", diff)
	}
}

func TestMembersCollapse(t *testing.T) {
	got := Build([]Member{{ID: 9}, {ID: 2, Zone: "a"}, {ID: 2}, {ID: 9, Zone: "a"}, {ID: 9, Zone: "b"}, {ID: 0}}, 8, 2).Members()
	if diff := gocmp.Diff([]Member{{ID: 2, Zone: "a"}, {ID: 9, Zone: "b"}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// moved returns the number of partitions whose list of owners differs between
// two tables of as many.
func moved(before, after *Table) int {
	n := 0
	for p := range after.partitions {
		if !slices.Equal(before.Owners(p), after.Owners(p)) {
			n++
		}
	}
	return n
}
