package sim

import (
	"fmt"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// expiryMargin is how much a copy of a binding may outlive the phone's idea of it, or fall short, µs.
const expiryMargin = 2 * second

// lookup asks any member for any AOR, and checks the answer.
func (j *judge) lookup(p *process, ph *phone) {
	w := j.w
	w.report.Lookups++
	aor := []byte(ph.aor)
	before := j.expectations(ph.aor)
	op := &cluster.LookupOp{AOR: aor}
	cut, judged, reached := w.cuts.current, j.judges(p), j.reached(p)
	pauses := 0
	op.Done = func(op *cluster.LookupOp) {
		// What a stopped process had begun may be late.
		if !judged || !j.judges(p) || cut != w.cuts.current || !p.alive || p.pauses != pauses {
			return
		}
		if op.Result == cluster.Unavailable {
			if reached && j.reached(p) {
				w.fail("acknowledged", "m%d can not look up %s", p.id, ph.aor)
			}
			return
		}
		j.checkFound(p, ph.aor, before, op.Record, op.Now)
	}
	p.run(func() {
		pauses = p.pauses
		p.core(aor).Lookup(p.now(), op, &p.effects)
		p.flush()
	})
}

// judges reports whether what the member answers to a lookup must be right.
func (j *judge) judges(p *process) bool {
	w := j.w
	return !j.blind && !p.dazed && !p.misled() && (w.cuts.current == nil || w.cuts.servesCut(p))
}

// expectation is what is known of a contact when a lookup begins: the last request that was acknowledged, -1 if none.
type expectation struct {
	ph    *phone
	acked int
}

func (j *judge) expectations(aor string) []expectation {
	w := j.w
	var known [4]expectation
	all := known[:0]
	for _, ph := range w.phones {
		if ph.aor == aor {
			all = append(all, expectation{ph, ph.acked})
		}
	}
	return all
}

// checkFound compares what a lookup, or the answer to a REGISTER without contacts, has found with what it may find.
func (j *judge) checkFound(p *process, aor string, before []expectation, r location.Record, now int64) {
	w := j.w
	for _, x := range before {
		if w.cuts.current != nil && !w.cuts.current.knows(x.ph, p) {
			continue
		}
		found := 0
		for b := range r.Live(now) {
			if string(b.Contact) == x.ph.contact {
				found = int(b.Flow.Conn)
			}
		}
		if invariant, fault := x.judge(w, found); fault != "" {
			w.fail(invariant, "lookup of %s by m%d: %s (found request %d)", aor, p.id, fault, found)
		}
	}
}

// judge compares what a lookup found of the contact, the number of a request or 0, with what it may find. What was sent
// while the lookup was under way may be found or not.
func (x *expectation) judge(w *world, found int) (invariant, fault string) {
	ph := x.ph
	mayBeGone, allowed := x.acked < 0 || ph.forgiven, false
	for i := max(0, x.acked); i < len(ph.history); i++ {
		r := &ph.history[i]
		mayBeGone = mayBeGone || r.deed != bind || w.judge.expired(r, -1)
		allowed = allowed || r.deed == bind && found == int(r.number) && !w.judge.expired(r, 1)
	}
	switch {
	case found == 0 && !mayBeGone:
		last := ph.history[x.acked]
		return "acknowledged", fmt.Sprintf("%s is acknowledged with cseq %d, request %d, and not found", ph.contact, last.cseq, last.number)
	case found > 0 && !allowed && found <= x.acked:
		last := ph.history[x.acked]
		return "stale", fmt.Sprintf("%s is older than the acknowledged cseq %d, request %d", ph.contact, last.cseq, last.number)
	case found > 0 && !allowed:
		return "stale", fmt.Sprintf("%s was removed or has expired", ph.contact)
	}
	return "", ""
}

// expired reports whether the binding of the request may have ended (sign -1) or must have (sign 1).
func (j *judge) expired(r *request, sign int64) bool {
	w := j.w
	ends := r.sent
	if sign > 0 {
		ends = w.now // a request that is not acknowledged may be applied at any time
		if r.acked != 0 {
			ends = r.acked
		}
		ends += j.stalledSince(r.sent)
	}
	return w.now > ends+int64(r.expires)*second+sign*expiryMargin
}

// checkEverywhere looks up every AOR through every member.
func (j *judge) checkEverywhere() {
	w := j.w
	last := ""
	for _, ph := range w.phones {
		if ph.aor == last {
			continue
		}
		last = ph.aor
		for _, p := range w.living() {
			j.lookup(p, ph)
		}
	}
}
