package cluster

import "slices"

// repair is the fetching of a partition from a member that holds it too and has something else.
type repair struct {
	source
	local int32
	tag   uint32
}

// maxRepairs is how many are under way.
const maxRepairs = 256

// repairer fetches partitions from members that have something else in them.
type repairer struct {
	*self
	peers     *peers
	snapshots *snapshots

	repairs []repair
	wanted  checkQueue // to come
}

// pending is how many repairs are under way or to come.
func (q *repairer) pending() int { return len(q.repairs) + len(q.wanted.list) }

// add has a partition repaired from a member.
func (q *repairer) add(local int32, id uint32) {
	if slices.ContainsFunc(q.repairs, func(r repair) bool { return r.local == local && r.id == id }) {
		return
	}
	q.wanted.add(check{local: local, peer: id})
}

// advance asks for what repairs need next, after the fills. Those for which there is no room wait: a difference is
// not forgotten.
func (q *repairer) advance() {
	q.repairs = slices.DeleteFunc(q.repairs, func(r repair) bool { return r.done || q.peers.find(r.id) == nil })
	for _, w := range q.wanted.take(maxRepairs - len(q.repairs)) {
		if q.peers.find(w.peer) == nil {
			continue // they compare when it is back
		}
		q.stats.Repairs++
		q.repairs = append(q.repairs, repair{source: source{id: w.peer}, local: w.local, tag: q.snapshots.tag()})
	}
	for i := range q.repairs {
		r := &q.repairs[i]
		q.snapshots.want(&r.source, r.local, r.tag)
	}
}

// unask forgets what the member was asked for: it is gone or its stream is a new one.
func (q *repairer) unask(id uint32, up bool) {
	for i := range q.repairs {
		if q.repairs[i].id == id {
			q.repairs[i].asked, q.repairs[i].done = false, !up
		}
	}
}

// answered takes the answer of a member, if it is one to a repair, and reports whether all that it has is here now.
func (q *repairer) answered(id uint32, a section) (all bool) {
	for i := range q.repairs {
		if r := &q.repairs[i]; r.tag == a.tag && r.id == id && r.asked {
			return r.answered(a)
		}
	}
	return false
}
