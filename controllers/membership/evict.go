package membership

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// evict puts every active member out of the ring that more than half of the
// other active members suspect, and returns their names, sorted. One whose node
// is lost too goes as well if more than half of those others suspect it whose
// nodes are heard of: what they all say and the API both agree on.
//
// One member goes at a time, the most suspected first (of equals one whose node
// is lost or that does not serve, or else the one with the highest ID), and then
// the votes are counted anew without it: what an evicted member says of others
// counts for nothing, so that of two halves which suspect each other one stays
// whole.
//
// One that is in the ring only because it was does not come back by itself once
// it is out, and says nothing there: so when one goes, all that went before it
// has to be judged anew without it.
func evict(members []*candidate, said map[string]Report) []string {
	var evicted []string
	for {
		out, settled := evictOnce(members, said)
		for _, c := range out {
			if settled || !c.returns() {
				c.state = config.Joining
				evicted = append(evicted, c.pod.Name)
			}
		}
		if settled {
			slices.Sort(evicted)
			return evicted
		}
	}
}

// evictOnce finds who goes, until one goes that does not come back.
func evictOnce(members []*candidate, said map[string]Report) (out []*candidate, settled bool) {
	b := countVotes(members, said)
	for {
		worst := b.mostSuspected(members)
		if worst == nil {
			return out, true
		}
		b.remove(worst)
		out = append(out, worst)
		if !worst.returns() {
			return out, false
		}
	}
}

// returns: it is in the ring whether it was or not.
func (c *candidate) returns() bool { return c.serves() && !c.lost }

// votes against a member.
type votes struct {
	all int
	// heard are those of members on nodes that are heard of.
	heard int
}

// ballot is what the live members say of each other. Maps are by name.
type ballot struct {
	live     map[string]*candidate
	suspects map[string][]string // of each, live ones when they were counted
	against  map[string]votes
}

func countVotes(members []*candidate, said map[string]Report) *ballot {
	b := &ballot{live: map[string]*candidate{}, suspects: map[string][]string{}, against: map[string]votes{}}
	for _, c := range members {
		if isActive(c) {
			b.live[c.pod.Name] = c
		}
	}
	for name, reporter := range b.live {
		r := said[name]
		if stale(r, reporter.pod) {
			continue
		}
		seen := map[string]bool{name: true}
		for _, s := range r.Suspects {
			if suspect, ok := b.live[s]; ok && !seen[s] && !stale(r, suspect.pod) {
				seen[s] = true
				b.suspects[name] = append(b.suspects[name], s)
			}
		}
		b.vote(reporter, 1)
	}
	return b
}

// vote adds the votes of one member, or takes them away.
func (b *ballot) vote(reporter *candidate, by int) {
	for _, s := range b.suspects[reporter.pod.Name] {
		n := b.against[s]
		n.all += by
		if !reporter.lost {
			n.heard += by
		}
		b.against[s] = n
	}
}

func (b *ballot) remove(c *candidate) {
	b.vote(c, -1)
	delete(b.live, c.pod.Name)
}

// mostSuspected is the live member with the most votes, of those with enough.
func (b *ballot) mostSuspected(members []*candidate) *candidate {
	heard := 0
	for _, c := range b.live {
		if !c.lost {
			heard++
		}
	}
	enough := func(c *candidate) bool {
		n := b.against[c.pod.Name]
		return 2*n.all > len(b.live)-1 && n.all > 0 || c.lost && 2*n.heard > heard
	}
	var worst *candidate
	for _, c := range members {
		if b.live[c.pod.Name] != c || !enough(c) {
			continue
		}
		if worst == nil || cmp.Or(cmp.Compare(b.against[c.pod.Name].all, b.against[worst.pod.Name].all), cmp.Compare(c.doubt(), worst.doubt())) >= 0 {
			worst = c
		}
	}
	return worst
}

// doubt is the greater, the more beside the others speaks against the member.
func (c *candidate) doubt() int {
	switch {
	case c.lost:
		return 2
	case !c.serves():
		return 1
	}
	return 0
}

// stale says that the report is older than the pod's present process: it was
// made by, or about, another life.
func stale(r Report, p Pod) bool {
	return r.At.Add(ClockTolerance).Before(p.Started)
}

// latest keeps the newest report of each reporter; of two made at one time the
// one whose suspects, or else word, sort first.
func latest(reports []Report) map[string]Report {
	said := make(map[string]Report, len(reports))
	for _, r := range reports {
		have, ok := said[r.Reporter]
		if !ok || cmp.Or(have.At.Compare(r.At), slices.Compare(r.Suspects, have.Suspects), cmp.Compare(r.Serving, have.Serving)) < 0 {
			said[r.Reporter] = r
		}
	}
	return said
}
