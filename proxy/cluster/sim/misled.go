package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// misled reports whether the member serves because of a set that is old, or of an operator that is late. What it answers is
// not judged until it takes back that it is synced, or all have compared.
func (p *process) misled() bool { return p.belied || !p.told[0] && p.firstByItsSet() }

// misled reports whether any member is: others pass on what it answers.
func (j *judge) misled() bool { return slices.ContainsFunc(j.w.living(), (*process).misled) }

// firstByItsSet reports whether the member has met nobody, and a set in which no other is active yet though others hold
// what there is: it can not tell its start from the first start of all, where it has to serve alone if the others do not
// come. If another is published as active to it, it must not.
func (p *process) firstByItsSet() bool {
	v := p.membership.View()
	if v == nil {
		return false
	}
	for _, m := range v.Members {
		if m.ID != p.id && (m.State == config.Active || m.Liveness == cluster.Up) {
			return false
		}
	}
	return slices.ContainsFunc(p.w.living(), func(q *process) bool {
		synced, _ := q.membership.SelfState()
		return q != p && synced
	})
}
