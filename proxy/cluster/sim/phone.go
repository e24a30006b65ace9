package sim

import (
	"fmt"

	"github.com/sipring/sipring/proxy/location"
)

// phone is one contact of an AOR. It registers, refreshes and unregisters through any member, one request after the
// other, and repeats a request until it is answered.
type phone struct {
	w       *world
	aor     string
	contact string
	number  int
	callID  string
	calls   int // Call-IDs it has had
	cseq    uint32

	history  []request // all there were
	acked    int       // of those, the last that was acknowledged; -1 if none. Nothing before it may be found
	forgiven bool      // what is acknowledged may be lost: more has failed than what is promised covers
	waiting  bool      // for an answer to the last
	astray   bool      // a member that was misled has taken a request: until all compare that may be what is left, or a later one
	quietAt  int64     // when no copy of a request can be under way any more, µs

	ackedBefore  int // the partition that lasts
	pin, spokeTo int // the side of it that it keeps to, and that it has spoken to; 0 for none
	parted       bool

	proof   location.Proof // of the last request
	nonceAt int64          // when its nonce was made, µs
}

// deed is what a request asks for.
type deed uint8

const (
	bind      deed = iota
	unbind         // Expires: 0
	unbindAll      // Contact: *
	fetch          // no Contact
)

// request is one REGISTER of a phone, or, in the history of another phone of the AOR, its Contact: *.
type request struct {
	number  uint64 // by which a binding is known: where it is in the history, from 1
	deed    deed
	callID  string
	cseq    uint32
	expires uint32 // seconds, 0 but to bind
	sent    int64  // µs
	acked   int64  // µs, 0 if it has not been
	proof   location.Proof

	by    *phone // another phone, if it is that one's Contact: *
	over  int64  // of such: when no copy can be under way any more, µs; 0 while that is not known
	alone bool   // of such: nothing of this phone was under way as it was sent
}

// sources is from how many addresses phones register. Where there is little room each has a share of it, and so has each of
// two domains.
const sources = 3

// twoDomains reports whether users are of two domains, as in every other run: other names are in other partitions. It takes
// nothing from the random numbers, so a seed is the same run under both but for that.
func (w *world) twoDomains() bool { return w.budget > 0 || w.cfg.Seed%2 == 1 }

// domain is that of a user.
func (w *world) domain(user int) string {
	switch {
	case !w.twoDomains():
		return "example.com"
	case user%2 == 0:
		return "a.example"
	}
	return "b.example"
}

func (w *world) newPhone(i, perAOR int) {
	ph := &phone{
		w: w, aor: fmt.Sprintf("sip:user%d@%s", i/perAOR, w.domain(i/perAOR)),
		acked:  -1,
		number: i, contact: fmt.Sprintf("sip:user%d@192.0.2.%d:5060;ob", i/perAOR, i), callID: fmt.Sprintf("call-%d", i),
	}
	w.phones = append(w.phones, ph)
	w.after(w.between(0, 3*second), ph.next)
}

// mates are the other phones of the AOR.
func (ph *phone) mates(do func(*phone)) {
	for _, m := range ph.w.phones {
		if m != ph && m.aor == ph.aor {
			do(m)
		}
	}
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
	if w.again && w.rng.IntN(12) == 0 {
		ph.startAnew()
		return
	}
	if w.reset && w.rng.IntN(4) == 0 && ph.switchOff() {
		return
	}
	ph.begin(ph.draw())
}

// draw draws what to ask for.
func (ph *phone) draw() (deed, uint32) {
	w := ph.w
	stars, fetches, removals := 0, 0, 3
	if w.star {
		stars = 1
	}
	if w.fetch {
		fetches = 3
	}
	if w.strays {
		removals = 8
	}
	switch w.pick(10, w.short, removals, stars, fetches) {
	case 1:
		return bind, uint32(w.between(2, 8))
	case 2:
		return unbind, 0
	case 3:
		return unbindAll, 0
	case 4:
		return fetch, 0
	}
	return bind, 3600
}

// begin sends another request.
func (ph *phone) begin(d deed, expires uint32) {
	r := ph.note(d, expires)
	ph.waiting = true
	ph.w.report.Registers++
	ph.send(r, 500*ms)
}

// note puts a request into the histories of those whose binding it is about.
func (ph *phone) note(d deed, expires uint32) request {
	w := ph.w
	ph.cseq++
	r := request{
		number: uint64(len(ph.history) + 1), deed: d, callID: ph.callID, cseq: ph.cseq, expires: expires, sent: w.now,
		proof: ph.prove(),
	}
	if d != fetch {
		ph.history = append(ph.history, r)
	}
	if d == unbindAll {
		ph.mates(func(m *phone) {
			m.history = append(m.history, request{
				number: uint64(len(m.history) + 1), deed: unbindAll, sent: w.now, by: ph, alone: !m.underWay(),
			})
			m.parted = true // if the network is cut: the two may be on either side
			m.mayFollowStar()
		})
	}
	return r
}

// startAnew has the phone begin with another Call-ID, once nothing of the one before is under way: of two Call-IDs nobody
// can tell which is the newer.
func (ph *phone) startAnew() {
	w := ph.w
	w.after(max(0, ph.quietAt-w.now), func() {
		if ph.quietAt > w.now {
			ph.startAnew()
			return
		}
		w.report.Faults["new Call-IDs"]++
		ph.calls++
		ph.callID, ph.cseq = fmt.Sprintf("call-%d-%d", ph.number, ph.calls), 0
		ph.begin(bind, 3600)
	})
}

// remembered is how long after a binding has ended a member may refuse a lower CSeq of its Call-ID, µs: datagrams are on
// their way for no longer.
const remembered = 64 * second

// switchOff has the phone leave, and begin again with the same Call-ID at CSeq 1 when its binding has been over for long
// enough. It reports false if the binding is none that ends by then.
func (ph *phone) switchOff() bool {
	w := ph.w
	if ph.acked < 0 || ph.acked != len(ph.history)-1 {
		return false
	}
	r := ph.history[ph.acked]
	if r.expires > 60 {
		return false
	}
	ends := max(ph.quietAt, r.acked+int64(r.expires)*second+w.judge.late()+remembered)
	w.queue.add(ends+w.between(0, 5*second), func() {
		w.report.Faults["Call-IDs begun again"]++
		ph.cseq = 0
		ph.begin(bind, 3600)
	})
	return true
}
