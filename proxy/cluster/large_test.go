package cluster

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// large is one member of a large cluster: its membership and all of its cores. What they send goes nowhere.
type large struct {
	set        *config.MemberSet
	membership *Membership
	cores      []*Core
	effects    Effects
}

// newLarge knows the set of n members in three zones, a node each, and has met nobody.
func newLarge(n int) *large {
	l := &large{
		set:        &config.MemberSet{Epoch: 1, Ring: config.Ring{Partitions: ring.DefaultPartitions, Replicas: 2}},
		membership: NewMembership(1, 77, 0),
	}
	for i := 1; i <= n; i++ {
		l.set.Members = append(l.set.Members, config.Member{
			ID: uint32(i), Name: fmt.Sprint("m", i), Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250),
			Zone: fmt.Sprint("z", i%3), Node: fmt.Sprint("n", i), State: config.Active,
		})
	}
	for i := range Cores {
		l.cores = append(l.cores, NewCore(CoreConfig{Self: 1, Incarnation: 77, Index: i}))
	}
	l.view(l.membership.SetChanged(start, l.set))
	return l
}

func (l *large) view(v *View) {
	if v == nil {
		return
	}
	for _, c := range l.cores {
		c.ViewChanged(start, v, &l.effects)
		l.effects.Reset()
	}
}

func (l *large) meet(id uint32) {
	l.view(l.membership.PeerUp(start, id, uint64(id), true, false))
}

func (l *large) meetAll() {
	for _, m := range l.set.Members[1:] {
		l.meet(m.ID)
	}
}

// TestRingsOfALargeClusterAreThoseOfItsMembers: through the start of a member and losses the rings are those that are
// built from the members, and one table where the members are the same.
func TestRingsOfALargeClusterAreThoseOfItsMembers(t *testing.T) {
	l := newLarge(40)
	check := func() {
		t.Helper()
		v := l.membership.View()
		now, next := inRing(v.Members)
		for name, got := range map[string][2]*ring.Table{
			"ring": {v.Ring, ring.Build(now, ring.DefaultPartitions, 2)}, "next": {v.Next, ring.Build(next, ring.DefaultPartitions, 2)},
		} {
			if d := cmp.Diff(got[1], got[0], cmp.AllowUnexported(ring.Table{}), cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s of %d members (-built +got):\n%s", name, len(now), d)
			}
		}
		if cmp.Equal(now, next) && v.Ring != v.Next {
			t.Fatal("two tables for the same members")
		}
	}
	check()
	for _, m := range l.set.Members[1:] {
		l.meet(m.ID)
		check()
	}
	l.membership.synced = true
	l.view(l.membership.rebuild())
	check()
	for id := uint32(7); id < 40; id += 9 {
		l.view(l.membership.PeerDown(start, id, "test"))
		check()
	}
}

// BenchmarkLargeCluster is what one member computes, membership and all cores: from its start until it has met all
// others, when the last one joins, and when it is lost. cpu-ms/op is CPU time of the process, which other work on the
// machine does not lengthen.
func BenchmarkLargeCluster(b *testing.B) {
	for _, n := range []int{10, 100, 300} {
		b.Run(fmt.Sprintf("start/%d", n), func(b *testing.B) {
			measure(b, func() {}, func() { newLarge(n).meetAll() })
		})
		l, last := newLarge(n), uint32(n)
		l.meetAll()
		lose := func() { l.view(l.membership.PeerDown(start, last, "bench")) }
		b.Run(fmt.Sprintf("join/%d", n), func(b *testing.B) { measure(b, lose, func() { l.meet(last) }) })
		b.Run(fmt.Sprintf("loss/%d", n), func(b *testing.B) { measure(b, func() { l.meet(last) }, lose) })
	}
}

// measure runs what is to be measured, each time after a preparation.
func measure(b *testing.B, prepare, run func()) {
	b.ReportAllocs()
	used := time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		prepare()
		before := cpuTime(b)
		b.StartTimer()
		run()
		used += cpuTime(b) - before
	}
	b.ReportMetric(float64(used.Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
