package sim

import (
	"fmt"
	"net/netip"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// phone is one contact of an AOR. It registers, refreshes and unregisters through any member, one request after the
// other, and repeats a request until it is answered.
type phone struct {
	w       *world
	aor     string
	contact string
	callID  string

	cseq        uint32
	history     []request // all there were
	acked       int       // of those, the last that was acknowledged; -1 if none
	ackedBefore int       // the partition that lasts
	waiting     bool      // for an answer to the last
	begun       int64     // when that was first sent, µs
}

// request is one REGISTER of a phone.
type request struct {
	cseq    uint32
	expires uint32 // seconds, 0 to unregister
	sent    int64  // µs
	acked   int64  // µs, 0 if it has not been
}

func (w *world) newPhone(i, perAOR int) *phone {
	ph := &phone{
		w: w, aor: fmt.Sprintf("sip:user%d@example.com", i/perAOR),
		acked:   -1,
		contact: fmt.Sprintf("sip:user%d@192.0.2.%d:5060;ob", i/perAOR, i), callID: fmt.Sprintf("call-%d", i),
	}
	w.phones = append(w.phones, ph)
	w.after(w.between(0, 3*second), ph.next)
	return ph
}

// next begins another request.
func (ph *phone) next() {
	w := ph.w
	if w.stopped {
		return
	}
	if w.hush {
		w.after(w.between(5, 50)*ms, ph.next)
		return
	}
	r := request{expires: 3600, sent: w.now}
	short := 2
	if w.stops {
		short = 0 // what waits in a stopped process for its whole life is as fresh as ever to it
	}
	switch w.pick(10, short, 3) {
	case 1:
		r.expires = uint32(w.between(2, 8))
	case 2:
		r.expires = 0
	}
	ph.cseq++
	r.cseq = ph.cseq
	ph.history = append(ph.history, r)
	ph.waiting, ph.begun = true, w.now
	w.report.Registers++
	ph.send(r, 500*ms)
}

// send sends a request through any member, and again until it is answered (RFC 3261 section 17.1.2.2).
func (ph *phone) send(r request, again int64) {
	w := ph.w
	if !ph.waiting || ph.cseq != r.cseq || w.stopped {
		return
	}
	w.after(again, func() { ph.send(r, min(2*again, 4*second)) })
	edges := w.edges()
	if len(edges) == 0 {
		return
	}
	p := edges[w.rng.IntN(len(edges))]
	op := &cluster.RegisterOp{
		Update: location.Update{
			AOR: []byte(ph.aor), CallID: []byte(ph.callID), CSeq: r.cseq,
			Contacts: []location.ContactUpdate{{URI: []byte(ph.contact), Q: 1000, Expires: r.expires}},
			Received: netip.MustParseAddrPort("192.0.2.1:5060"),
		},
		Done: func(op *cluster.RegisterOp) { ph.answered(p, r, op) },
	}
	w.trace("%s cseq %d expires %d to m%d", ph.contact, r.cseq, r.expires, p.id)
	p.run(func() {
		p.core(op.Update.AOR).Register(p.now(), op, &p.effects)
		p.flush()
	})
}

// answered takes an answer that a member sends now. It may come too late.
func (ph *phone) answered(p *process, r request, op *cluster.RegisterOp) {
	w := ph.w
	w.trace("%s cseq %d answered %d by m%d", ph.contact, r.cseq, op.Status, p.id)
	if op.Status == location.StatusOK {
		w.checkCopies(ph, r)
	}
	if !ph.waiting || r.cseq != ph.cseq {
		return
	}
	switch op.Status {
	case location.StatusOK:
		ph.waiting = false
		ph.acknowledged()
		w.after(w.between(w.pause/20, w.pause), ph.next)
	case location.StatusUnavailable:
		ph.waiting = false
		w.after(w.between(100, 500)*ms, ph.next)
	default:
		w.fail("order", "%s cseq %d, its newest, is answered %d by m%d", ph.contact, r.cseq, op.Status, p.id)
	}
}

// acknowledged notes that the last request is.
func (ph *phone) acknowledged() {
	ph.acked = len(ph.history) - 1
	ph.history[ph.acked].acked = ph.w.now
}
