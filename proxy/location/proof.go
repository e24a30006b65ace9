package location

import "cmp"

// Proof is that of a digest response which was verified: the nonce that it was computed with, and its nonce count (RFC 7616
// section 3.4). An AOR takes a nonce with rising counts only. The zero Proof is none.
//
// A response covers the method and the Request-URI of a REGISTER, not whose bindings it changes. So a nonce must be good for
// one AOR alone: whoever makes nonces binds them to it, or what was proved for one AOR can be used for another.
type Proof struct {
	// Nonce is greater the later the nonce was made: milliseconds << 20, and 20 bits by chance.
	Nonce uint64
	// Count is the nonce count, from 1.
	Count uint32
}

const (
	// longestNonce is how long a nonce can be good for, ms, whatever Limits.NonceLife is or will be.
	longestNonce = 3_600_000
	// provedFor is how long after its last use what was proved is remembered, ms.
	provedFor = longestNonce + lateness
	// copiesFor is how long after the last use of any proof what is a copy of that use is taken for one, ms: a request is sent
	// again for 64*T1 (RFC 3261 section 17.1.2.2), and may be late.
	copiesFor = OrderFor + lateness
	// nonceTime is where the time begins in a nonce.
	nonceTime = 20
)

func (l Limits) nonceLife() int64 { return cmp.Or(l.NonceLife, longestNonce) }

// use is what an AOR knows of the proof of an update.
type use uint8

const (
	noProof    use = iota // there is none
	freshProof            // nothing: it is the first with that nonce and count
	sameProof             // one from the same source had that nonce and count: the update itself, if it changes nothing
	usedProof
)

// status is the answer to an update that changes the record, or does not, with a proof that is not fresh.
func (p use) status(changes bool) int {
	if p == usedProof || p == sameProof && changes {
		return StatusReplayed
	}
	return StatusOK
}

// proof returns u's.
func (u *Update) proof() proof {
	return proof{nonce: u.Proof.Nonce, count: u.Proof.Count, source: uint32(u.Source ^ u.Source>>32)}
}

// useOf tells what is known of u's proof at now.
func (s *proofs) useOf(now int64, u *Update, lim Limits) use {
	if u.Proof == (Proof{}) {
		return noProof
	}
	p := u.proof()
	i, found := s.find(p.nonce)
	switch {
	case p.count == 0, !found && p.nonce <= s.floor && !isPlace(u.AOR):
		return usedProof
	case !found, p.count > s.list[i].count:
		return freshProof
	case p == s.list[i] && now < s.ends-lim.provedFor(u.AOR)+copiesFor:
		return sameProof
	}
	return usedProof
}

// take notes that a fresh proof is used, to be remembered until ends, in the room of most nonces. The oldest make room, and
// raise the floor: of those that could still be good, no more than must. What is below it finds no room any more, in a
// place. The times in nonces are compared with each other, no clock.
func (s *proofs) take(ends int64, p proof, life int64, most int) {
	s.ends = max(s.ends, ends)
	i, found := s.find(p.nonce)
	switch {
	case !found && p.nonce <= s.floor:
		return
	case found:
		s.list[i] = p
		return
	}
	most = max(most, s.n)
	s.insert(i, p)
	if s.n > most || s.n > 1 && (p.nonce-s.list[0].nonce)>>nonceTime >= uint64(life) && p.nonce > s.list[0].nonce {
		s.forgetOldest()
	}
}

// proved has the proof of the update noted in r, if it is fresh, whatever the answer is: somebody may have seen it. It
// overwrites r's bytes where they need be no longer.
func (a *applier) proved(r Record, aor []byte, res Result) (Record, Result) {
	if a.use != freshProof {
		return r, res
	}
	res.Changed = true
	if r.putProofs(&a.proofs) {
		return r, res
	}
	return r.withProofs(aor, &a.proofs), res
}

// prove reads what was proved to r, and notes u's proof in that.
func (a *applier) prove(now int64, r Record, u *Update, lim Limits) {
	a.proofs = r.proofs()
	if a.use = a.proofs.useOf(now, u, lim); a.use != freshProof {
		return
	}
	most := maxProofs
	if lim.Room >= NoRoom {
		most = 1
	}
	a.proofs.take(now+lim.provedFor(u.AOR), u.proof(), lim.nonceLife(), most)
}
