package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// misled reports whether the member serves because of an old set. What it answers is not judged until all have compared.
func (p *process) misled() bool { return p.belied || !p.told[0] && p.firstByItsSet() }

// firstByItsSet reports whether the member has met nobody and an old set, of the time when no other was active yet: it can
// not tell its start from the first start of all, where it has to serve alone if the others do not come. If others are
// published as active to it, it must not.
func (p *process) firstByItsSet() bool {
	v := p.membership.View()
	if v == nil || v.Epoch >= p.w.operator.epoch {
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
