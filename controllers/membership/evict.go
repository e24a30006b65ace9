package membership

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// evict puts every active member out of the ring that more than half of the
// other active members suspect, and returns their names, sorted.
//
// One member goes at a time, the most suspected first (of equals the one with
// the highest ID), and then the votes are counted anew without it: what an
// evicted member says of others counts for nothing, so that of two halves which
// suspect each other one stays whole.
func evict(members []*candidate, reports []Report) []string {
	live := map[string]*candidate{}
	for _, c := range members {
		if isActive(c) {
			live[c.pod.Name] = c
		}
	}
	said := latest(reports)
	var evicted []string
	for {
		worst := mostSuspected(members, live, said)
		if worst == nil {
			slices.Sort(evicted)
			return evicted
		}
		delete(live, worst.pod.Name)
		worst.state = config.Joining
		evicted = append(evicted, worst.pod.Name)
	}
}

// mostSuspected is the live member with the most votes, if they are more than
// half of the others'.
func mostSuspected(members []*candidate, live map[string]*candidate, said map[string]Report) *candidate {
	votes := count(live, said)
	var worst *candidate
	for _, c := range members {
		n := votes[c.pod.Name]
		if 2*n > len(live)-1 && n > 0 && (worst == nil || n >= votes[worst.pod.Name]) {
			worst = c
		}
	}
	return worst
}

// count counts, for each live member, the other live members that suspect it.
func count(live map[string]*candidate, said map[string]Report) map[string]int {
	votes := map[string]int{}
	for name, reporter := range live {
		r := said[name]
		if stale(r, reporter.pod) {
			continue
		}
		suspects := map[string]bool{name: true}
		for _, s := range r.Suspects {
			if suspect, ok := live[s]; ok && !suspects[s] && !stale(r, suspect.pod) {
				suspects[s] = true
				votes[s]++
			}
		}
	}
	return votes
}

// stale says that the report is older than the pod's present process: it was
// made by, or about, another life.
func stale(r Report, p Pod) bool {
	return r.At.Add(ClockTolerance).Before(p.Started)
}

// latest keeps the newest report of each reporter; of two made at one time the
// one whose suspects sort first.
func latest(reports []Report) map[string]Report {
	said := make(map[string]Report, len(reports))
	for _, r := range reports {
		have, ok := said[r.Reporter]
		if !ok || cmp.Or(have.At.Compare(r.At), slices.Compare(r.Suspects, have.Suspects)) < 0 {
			said[r.Reporter] = r
		}
	}
	return said
}
