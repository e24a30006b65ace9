package ring

import (
	"fmt"
	"testing"
)

var benchSeed = Seed{1, 2, 3}

func BenchmarkLookup(b *testing.B) {
	table := Build(numbered(100, "a", "b", "c"), DefaultPartitions, DefaultReplicas)
	aor := []byte("sip:alice@example.com")
	var owners []uint32
	b.ReportAllocs()
	for b.Loop() {
		owners = table.Owners(Partition(benchSeed.Hash(aor), table.Partitions()))
	}
	_ = owners
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := Build(numbered(100), DefaultPartitions, DefaultReplicas)
	aor := []byte("sip:alice@example.com")
	sum := uint32(0)
	allocs := testing.AllocsPerRun(100, func() {
		p := Partition(benchSeed.Hash(aor), table.Partitions())
		home, _ := table.Home(p)
		sum += home + table.Owners(p)[1] + uint32(table.Rank(p, 1))
	})
	if allocs != 0 {
		t.Errorf("a lookup allocates %v times", allocs)
	}
}

func BenchmarkBuildOnSharedNodes(b *testing.B) {
	members := numbered(1000, "a", "b", "c")
	for i := range members {
		members[i].Node = fmt.Sprint(i % 300)
	}
	for b.Loop() {
		Build(members, DefaultPartitions, 5)
	}
}

func BenchmarkBuild(b *testing.B) {
	for name, zones := range map[string][]string{"no zones": nil, "three zones": {"a", "b", "c"}, "one zone": {"a"}} {
		for _, n := range []int{3, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				members := numbered(n, zones...)
				for b.Loop() {
					Build(members, DefaultPartitions, DefaultReplicas)
				}
			})
		}
	}
}
