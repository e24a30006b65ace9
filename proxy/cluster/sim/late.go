package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
)

// returns takes notice that a member is given a copy of a request that is superseded, or may be over, and reports whether
// it may be what is left: where members serve that can not know what came after it, it is the later update, and when all
// meet the later one wins.
func (ph *phone) returns(p *process, r request) bool {
	w := ph.w
	if int(r.number)-1 > ph.acked || r.deed == fetch || !ph.astray && !w.judge.forgetful(p) {
		return false
	}
	ph.comesAgain(r)
	return true
}

// comesAgain notes that a copy of a request which is under way may be what is left.
func (ph *phone) comesAgain(r request) {
	r.sent, r.acked = ph.w.now, ph.w.now+answerTime // it has been applied by then, or will not be
	ph.history = append(ph.history, r)
}

// underWayElsewhere notes, as a request is acknowledged, the copies of this one and of earlier ones that still wait at members
// which can not know of it: one that concludes alone orders them when it does, after the acknowledgement.
func (ph *phone) underWayElsewhere() {
	for _, a := range ph.w.judge.asked {
		if a.ph == ph && !a.done {
			ph.returns(a.p, a.r)
		}
	}
}

// forgetful reports whether a request that the member is given may be ordered without what was acknowledged: where the
// network is cut, or was and not all have compared yet, on a side that lacks R members or more; where the member is
// misled; and while anybody takes R members for dead that live.
func (j *judge) forgetful(p *process) bool {
	w := j.w
	if w.cuts.current != nil && !w.cuts.servesCut(p) || p.misled() {
		return true
	}
	return j.blind && slices.ContainsFunc(w.living(), func(q *process) bool { return j.takesForDead(q) >= w.replicas })
}

// takesForDead counts the living members that p takes for dead.
func (j *judge) takesForDead(p *process) int {
	w := j.w
	n, v := 0, p.membership.View()
	if v == nil {
		return 0
	}
	for _, q := range w.living() {
		if m, ok := v.Member(q.id); ok && m.Liveness == cluster.Down {
			n++
		}
	}
	return n
}
