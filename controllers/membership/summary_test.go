package membership

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// sees is a ring of n members that all run for an hour and report nothing special.
func ringOf(n int) (*Input, *config.MemberSet) {
	in, set := &Input{}, &config.MemberSet{}
	for i := range n {
		name := fmt.Sprintf("ring-%d", i)
		in.Pods = append(in.Pods, Pod{ID: uint32(i + 1), Name: name, Started: noon.Add(-time.Hour)})
		in.Reports = append(in.Reports, Report{Reporter: name, At: noon, Saw: &config.Report{}})
		set.Members = append(set.Members, config.Member{ID: uint32(i + 1), Name: name, State: config.Active})
	}
	return in, set
}

// lost is a failover of a member so long before noon.
func lost(member int, ago time.Duration, rehomed, ms int64) config.Failover {
	return config.Failover{Member: fmt.Sprintf("ring-%d", member), At: noon.Add(-ago).UnixMilli(), Cause: config.LossProcessEnded, Rehomed: rehomed, Milliseconds: ms}
}

func TestSummarize(t *testing.T) {
	const s, minute = time.Second, time.Minute
	saw := func(in *Input, member int, under int64, failovers ...config.Failover) {
		in.Reports[member].Saw = &config.Report{UnderReplicated: under, Failovers: failovers}
	}
	restarted := func(in *Input, member int, ago time.Duration) { in.Pods[member].Started = noon.Add(-ago) }
	because := func(f config.Failover, cause config.LossCause) config.Failover { f.Cause = cause; return f }
	at := func(ago time.Duration, member int, rehomed, ms int64) *Failover {
		return &Failover{Member: fmt.Sprintf("ring-%d", member), At: noon.Add(-ago), Cause: config.LossProcessEnded, Rehomed: rehomed, Milliseconds: ms}
	}
	tests := map[string]struct {
		members int
		reports func(in *Input, set *config.MemberSet)
		under   int64 // -1: nil
		want    *Failover
	}{
		"nothing happened": {3, func(*Input, *config.MemberSet) {}, 0, nil},
		"nobody reports": {3, func(in *Input, _ *config.MemberSet) {
			for i := range in.Reports {
				in.Reports[i].Saw = nil
			}
		}, -1, nil},
		"no Leases": {3, func(in *Input, _ *config.MemberSet) { in.Reports = nil }, -1, nil},
		"an older version beside one that reports": {2, func(in *Input, _ *config.MemberSet) {
			in.Reports[0].Saw = nil
			saw(in, 1, 7)
		}, 7, nil},
		"both survivors of three": {3, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 3, lost(2, minute, 50, 6))
			saw(in, 1, 4, lost(2, minute+s, 46, 21))
			restarted(in, 2, minute)
		}, 7, at(minute+s, 2, 96, 21)},
		"the survivor of two": {2, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, lost(1, minute, 96, 6))
			restarted(in, 1, minute)
		}, 0, at(minute, 1, 96, 6)},
		"the survivor of three that lost two at once": {3, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, lost(1, minute, 50, 9), lost(2, minute+s, 50, 6))
			restarted(in, 1, minute)
			restarted(in, 2, minute)
		}, 0, at(minute, 1, 50, 9)},
		"one of two survivors has not written yet": {3, func(in *Input, _ *config.MemberSet) { saw(in, 0, 0, lost(2, s, 50, 6)) }, 0, nil},
		"the lost one has no say":                  {3, func(in *Input, _ *config.MemberSet) { saw(in, 2, 0, lost(2, s, 50, 6)) }, 0, nil},
		"and none where no other ran": {2, func(in *Input, _ *config.MemberSet) {
			saw(in, 1, 0, lost(1, minute, 50, 6))
			restarted(in, 0, 30*s)
		}, 0, nil},
		"a minority that was cut off takes the others for lost": {5, func(in *Input, _ *config.MemberSet) {
			for i := range 3 {
				saw(in, i, 0, lost(3, minute, 10, 300+int64(i)), lost(4, minute+s, 10, 300))
			}
			for i := 3; i < 5; i++ {
				saw(in, i, 0, lost(0, 50*s, 99, 1), lost(1, 50*s, 99, 1), lost(2, 50*s, 99, 1))
			}
		}, 0, at(minute, 3, 30, 301)},
		"one of those that saw it restarted since": {4, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, lost(3, minute, 50, 6))
			saw(in, 1, 0, lost(3, minute, 40, 7))
			restarted(in, 2, 30*s)
			restarted(in, 3, minute)
		}, 0, at(minute, 3, 90, 7)},
		"it was lost twice": {3, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, lost(2, minute, 50, 6), lost(2, time.Hour, 1, 1))
			saw(in, 1, 0, lost(2, minute, 50, 6), lost(2, time.Hour, 1, 1))
		}, 0, at(minute, 2, 100, 6)},
		"the second loss is known to one alone": {3, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, lost(2, s, 70, 9), lost(2, minute, 50, 6))
			saw(in, 1, 0, lost(2, minute, 50, 6))
		}, 0, at(minute, 2, 50, 6)},
		"the newest of two members": {4, func(in *Input, _ *config.MemberSet) {
			for i := range 2 {
				saw(in, i, 0, lost(3, 2*s, 5, 1), lost(2, minute, 7, 2))
			}
			saw(in, 2, 0, lost(3, 2*s, 5, 1))
		}, 0, at(2*s, 3, 15, 1)},
		"the cause that most give": {4, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, because(lost(3, s, 1, 1), config.LossUnreachable))
			saw(in, 1, 0, lost(3, s, 1, 1))
			saw(in, 2, 0, lost(3, s, 1, 1))
		}, 0, at(s, 3, 3, 1)},
		"a liar invents one": {3, func(in *Input, _ *config.MemberSet) { saw(in, 0, 0, lost(2, s, config.MaxReported, 1)) }, 0, nil},
		"a liar invents one before it began, when few ran": {3, func(in *Input, _ *config.MemberSet) {
			for i := range 3 {
				restarted(in, i, minute)
			}
			saw(in, 0, 0, lost(2, time.Hour, 1, 1))
		}, 0, nil},
		"a liar sees the future": {2, func(in *Input, _ *config.MemberSet) { saw(in, 0, 0, lost(1, -minute, 1, 1)) }, 0, nil},
		"a liar exaggerates the time and the others": {5, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 0, lost(4, -ClockTolerance, 1, config.MaxReported))
			for i := 1; i < 4; i++ {
				saw(in, i, 0, lost(4, minute, 10, 20+int64(i)))
			}
		}, 0, at(minute, 4, 30, 22)},
		"who is out of the ring has no say": {4, func(in *Input, set *config.MemberSet) {
			saw(in, 0, 1, lost(3, s, 1, 1))
			saw(in, 1, 2, lost(3, s, 1, 1))
			set.Members[0].State, set.Members[1].State = config.Joining, config.Draining
		}, 0, nil},
		"a Lease of no member": {3, func(in *Input, _ *config.MemberSet) {
			for i := range 9 {
				in.Reports = append(in.Reports, Report{Reporter: fmt.Sprint("x-", i), At: noon, Saw: &config.Report{UnderReplicated: 1, Failovers: []config.Failover{lost(2, s, 1, 1)}}})
			}
		}, 0, nil},
		"a Lease of an earlier process": {3, func(in *Input, _ *config.MemberSet) {
			saw(in, 0, 9, lost(2, time.Hour, 1, 1))
			in.Reports[0].At = noon.Add(-minute)
			restarted(in, 0, s)
		}, 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in, set := ringOf(tt.members)
			tt.reports(in, set)
			got := Summarize(in, set, noon)
			under := int64(-1)
			if got.UnderReplicated != nil {
				under = *got.UnderReplicated
			}
			if under != tt.under {
				t.Errorf("%d bindings lack copies, want %d", under, tt.under)
			}
			if d := cmp.Diff(tt.want, got.Failover); d != "" {
				t.Errorf("failover (-want +got):\n%s", d)
			}
		})
	}
}

// TestOneReportInventsNoFailover: whatever one member writes, it takes its part of
// the sums, no failover comes of it, and one that the others agree on stays that.
func TestOneReportInventsNoFailover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 9).Draw(t, "members")
		in, set := ringOf(n)
		happened := rapid.Bool().Draw(t, "happened")
		if happened {
			for i := range n - 1 {
				in.Reports[i].Saw.Failovers = []config.Failover{lost(n-1, time.Minute, 10, 20)}
			}
		}
		liar := rapid.IntRange(0, n-2).Draw(t, "liar")
		lies := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) config.Failover {
			ago := rapid.Int64Range(-3_000_000, 4_000_000).Draw(t, "ago")
			return config.Failover{
				Member: fmt.Sprintf("ring-%d", rapid.IntRange(0, n).Draw(t, "member")), At: noon.UnixMilli() - ago, Cause: "Lie",
				Rehomed: rapid.Int64Range(0, config.MaxReported).Draw(t, "rehomed"), Milliseconds: rapid.Int64Range(0, config.MaxReported).Draw(t, "milliseconds"),
			}
		}), 0, config.MaxFailovers).Draw(t, "lies")
		in.Reports[liar].Saw = config.ParseReport(config.Report{UnderReplicated: rapid.Int64().Draw(t, "under"), Failovers: lies}.String())
		got := Summarize(in, set, noon)
		if *got.UnderReplicated > config.MaxReported {
			t.Fatalf("%d bindings lack copies", *got.UnderReplicated)
		}
		f := got.Failover
		if f == nil && !happened {
			return
		}
		honest := int64(n-2) * 10
		if f == nil || !happened || f.Member != fmt.Sprintf("ring-%d", n-1) || f.Cause != config.LossProcessEnded || f.Milliseconds != 20 ||
			f.Rehomed < honest || f.Rehomed > honest+config.MaxReported || !f.Is(f.Member, noon.Add(-time.Minute)) {
			t.Fatalf("happened: %v; the lie is %+v; agreed: %+v", happened, lies, f)
		}
	})
}

// BenchmarkSummarize is of the largest cluster, in which all survivors report four failovers.
func BenchmarkSummarize(b *testing.B) {
	const n = config.MaxMembers
	in, set := ringOf(n)
	for i := range n - 4 {
		for k := range 4 {
			in.Reports[i].Saw.Failovers = append(in.Reports[i].Saw.Failovers, lost(n-1-k, time.Minute+time.Duration(i)*time.Millisecond, 1, 1))
		}
	}
	for b.Loop() {
		if Summarize(in, set, noon).Failover == nil {
			b.Fatal("no failover")
		}
	}
}
