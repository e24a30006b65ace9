package sim

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
)

// thief is the source of replays: no phone's.
const thief = sources + 1

const (
	// nonceLife is how long a phone has a nonce, at most, ms.
	nonceLife = 60_000
	// requestsANonce is for how many requests it has one, at most. Phones that never rest have no more nonces at a time than
	// are known of an AOR.
	requestsANonce = 50
)

// proves reports whether phones prove who they are: wherever there are thieves, and in half of all other runs. It takes
// nothing from the random numbers.
func (w *world) proves() bool { return w.thieves || w.cfg.Seed/2%2 == 1 }

// prove gives the phone's next request a proof: the next count of a nonce, or another nonce.
func (ph *phone) prove() location.Proof {
	w := ph.w
	if !w.proves() {
		return location.Proof{}
	}
	if ph.proof.Count++; ph.proof.Count > requestsANonce || ph.nonceAt == 0 || w.now-ph.nonceAt > nonceLife*ms {
		ph.nonceAt = w.now
		ph.proof = location.Proof{Nonce: uint64(epoch2026+w.now/ms)<<20 | uint64(ph.number), Count: 1}
	}
	return ph.proof
}

// challenged has the phone, whose request was refused for what it proves, send another one with another nonce. That happens
// where a request was refused for want of room, and a copy of it finds room, or where what it bound was removed by
// another phone before a copy came, which would bind it again: what it proved is used up.
func (ph *phone) challenged(p *process, r request) {
	w := ph.w
	if w.budget == 0 && !ph.removedSince(r) {
		w.fail("replay", "%s cseq %d is its own, and taken for a replay by m%d", ph.contact, r.cseq, p.id)
		return
	}
	w.report.Faults["challenged"]++
	ph.waiting, ph.nonceAt = false, 0
	w.after(w.between(1, 50)*ms, ph.next)
}

// robbed has somebody who has seen a request that is acknowledged now send what it proved once more, as a request of their
// own, at any time and through any member: for a contact of theirs, or only to ask. That must not be granted.
func (ph *phone) robbed(r request) {
	w := ph.w
	if !w.thieves || w.rng.IntN(2) == 0 {
		return
	}
	delays, acked := []int64{300 * ms, 3 * second, 30 * second}, w.now
	w.after(w.between(0, delays[w.rng.IntN(len(delays))]), func() { ph.replay(r, acked) })
}

// replay sends it. acked is when the request was.
func (ph *phone) replay(r request, acked int64) {
	w := ph.w
	edges := w.edges()
	switch {
	case w.stopped || len(edges) == 0 || w.now-r.sent > nonceLife*ms:
		return
	case w.hush:
		w.after(50*ms, func() { ph.replay(r, acked) })
		return
	}
	p, judged := edges[w.rng.IntN(len(edges))], false
	op := &cluster.RegisterOp{
		Update: location.Update{
			AOR: []byte(ph.aor), CallID: []byte(r.callID), CSeq: r.cseq, Flow: flow.Flow{Remote: source}, Source: thief,
			Proof: r.proof, Shared: true,
			Contacts: []location.ContactUpdate{{URI: []byte("sip:thief@192.0.2.99"), Q: 1000, Expires: 3600}},
		},
		Done: func(op *cluster.RegisterOp) {
			w.trace("a replay of %s cseq %d answered %d by m%d", ph.contact, r.cseq, op.Status, p.id)
			if op.Status == location.StatusOK && judged && w.judge.knowsProved(p, acked) {
				w.fail("replay", "what %s cseq %d proved is taken once more by m%d", ph.contact, r.cseq, p.id)
			}
		},
	}
	switch w.rng.IntN(4) {
	case 0:
		op.Update.CallID, op.Update.CSeq = []byte("thief"), uint32(w.now/ms)
	case 1:
		op.Update.Contacts = nil
	case 2:
		op.Update.CSeq += 1000
	}
	w.report.Faults["replays"]++
	w.trace("a replay of %s cseq %d to m%d", ph.contact, r.cseq, p.id)
	p.run(func() {
		judged = w.judge.knowsProved(p, acked)
		p.core(op.Update.AOR).Register(p.now(), op, &p.effects)
		p.flush()
	})
}

// knowsProved reports whether all that a member may ask must know what was proved with a request that was acknowledged.
func (j *judge) knowsProved(p *process, acked int64) bool {
	return j.judges(p) && !j.misled() && j.w.cuts.current == nil && acked > j.forgave
}
