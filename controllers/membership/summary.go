package membership

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Summary is what the members of the ring report together.
type Summary struct {
	// UnderReplicated is the sum of theirs; nil where none of them reports.
	UnderReplicated *int64
	// Failover is the newest one; nil where none is agreed on.
	Failover *Failover
}

// Failover is one that those agree on who could see it.
type Failover struct {
	// Member that was lost.
	Member string
	// At is when the ring was without it.
	At time.Time
	// Cause that most of them give.
	Cause config.LossCause
	// Rehomed is the sum of theirs.
	Rehomed int64
	// Milliseconds from the loss to the ring: the middle one of theirs, of two the longer.
	Milliseconds int64
}

// sameFailover is how far apart members may date one failover: their clocks differ,
// and so does when each of them noticed.
const sameFailover = 2 * ClockTolerance

// Is says that it is the failover of that member at that time, by another clock.
func (f *Failover) Is(member string, at time.Time) bool {
	return f.Member == member && f.At.Sub(at).Abs() <= sameFailover
}

// Summarize merges what the active members of the set report. A proxy may write what it
// likes. So its bindings are those of its own part of the ring, and a failover is one
// where more report it than there are that report others, or none, though they ran
// then. Where no other one ran then, nobody can contradict.
func Summarize(in *Input, set *config.MemberSet, now time.Time) Summary {
	var s Summary
	all := witnesses(in, set)
	claims := map[string][]claim{} // by the member that was lost
	for _, w := range all {
		if s.UnderReplicated == nil {
			s.UnderReplicated = new(int64)
		}
		*s.UnderReplicated += w.report.UnderReplicated
		for _, c := range w.claims(now) {
			claims[c.Member] = append(claims[c.Member], c)
		}
	}
	for _, member := range slices.Sorted(maps.Keys(claims)) {
		if f := agreed(claims[member], all); f != nil && (s.Failover == nil || f.At.After(s.Failover.At)) {
			s.Failover = f
		}
	}
	return s
}

// witness is a member that reports.
type witness struct {
	name    string
	started time.Time // its process; zero where unknown
	report  *config.Report
}

// ran says that its process was there well before the time.
func (w *witness) ran(at time.Time) bool { return w.started.Before(at.Add(-ClockTolerance)) }

// claim is a failover as one member reports it.
type claim struct {
	config.Failover
	at time.Time
	by *witness
}

// witnesses are the active members whose present process reports, by the time of its start.
func witnesses(in *Input, set *config.MemberSet) []*witness {
	said := latest(in.Reports)
	active := make(map[string]bool, len(set.Members))
	for _, m := range set.Members {
		active[m.Name] = m.State == config.Active
	}
	var all []*witness
	for _, p := range in.Pods {
		if r := said[p.Name]; active[p.Name] && r.Saw != nil && !stale(r, p) {
			all = append(all, &witness{p.Name, p.Started, r.Saw})
		}
	}
	slices.SortFunc(all, func(a, b *witness) int { return cmp.Or(a.started.Compare(b.started), cmp.Compare(a.name, b.name)) })
	return all
}

// claims are the newest of each other member, without what is to come, or was
// before its process.
func (w *witness) claims(now time.Time) []claim {
	newest := map[string]claim{}
	for _, f := range w.report.Failovers {
		c := claim{f, time.UnixMilli(f.At), w}
		if f.Member == w.name || c.at.After(now.Add(ClockTolerance)) || c.at.Add(ClockTolerance).Before(w.started) {
			continue
		}
		if c.at.After(newest[f.Member].at) {
			newest[f.Member] = c
		}
	}
	return slices.Collect(maps.Values(newest))
}

// agreed is the failover of a member at the latest time that enough of the claims
// have, or a later one; nil where that is none.
func agreed(claims []claim, all []*witness) *Failover {
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.by.name, b.by.name)) })
	for i := range claims {
		if at := claims[i].at; enough(claims[:i+1], at, all) {
			return merged(claims, at)
		}
	}
	return nil
}

// enough says that more claim it than ran at the time and do not. The member that was
// lost has no say.
func enough(claims []claim, at time.Time, all []*witness) bool {
	ran := sort.Search(len(all), func(i int) bool { return !all[i].ran(at) })
	if 2*len(claims) < ran { // cheap: even if all of these ran
		return false
	}
	claimed := make(map[string]bool, len(claims))
	for _, c := range claims {
		claimed[c.by.name] = true
	}
	silent := 0
	for _, w := range all[:ran] {
		if !claimed[w.name] && w.name != claims[0].Member {
			silent++
		}
	}
	return len(claims) > silent
}

// merged is what the claims of that time say together.
func merged(claims []claim, at time.Time) *Failover {
	f := &Failover{Member: claims[0].Member, At: at}
	causes := map[config.LossCause]int{}
	var took []int64
	for _, c := range claims {
		if f.Is(c.Member, c.at) {
			f.Rehomed += c.Rehomed
			took = append(took, c.Milliseconds)
			causes[c.Cause]++
		}
	}
	slices.Sort(took)
	f.Milliseconds = took[len(took)/2]
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		if causes[cause] > causes[f.Cause] {
			f.Cause = cause
		}
	}
	return f
}
