package location

import "cmp"

// maxProofs is the most nonces that are known of an AOR. It is part of what members must agree on to merge alike.
const maxProofs = 16

// proof is the last use of a nonce: the greatest count, and what is left of the source that used it.
type proof struct {
	nonce         uint64
	count, source uint32
}

// proofs is what was proved to an AOR: the nonces that were used, by rising nonce, and the floor, up to which every other
// one counts as used. It is no part of any binding, so it does not matter what becomes of those.
//
// Its merge takes the greatest count of each nonce and the higher floor, and leaves the greatest maxProofs nonces above it:
// it is commutative, associative and idempotent, and what either side refuses the result refuses too.
type proofs struct {
	floor uint64
	ends  int64 // when all is forgotten
	n     int
	list  [maxProofs + 1]proof // one more for a moment
}

// The layout in a record, after the AOR: number of nonces (1), floor (8), end (8), nonces of proofSize: nonce (8), count (4),
// source (4).
const (
	proofsFlag = 1 << 15 // in the length of the AOR: there are proofs
	proofsHead = 17
	proofSize  = 16
)

// find returns where the nonce is, or where it would be.
func (s *proofs) find(nonce uint64) (i int, found bool) {
	for i < s.n && s.list[i].nonce < nonce {
		i++
	}
	return i, i < s.n && s.list[i].nonce == nonce
}

func (s *proofs) insert(i int, p proof) {
	copy(s.list[i+1:s.n+1], s.list[i:s.n])
	s.list[i] = p
	s.n++
}

// forgetOldest drops the oldest nonce, and refuses it and all before it from now on.
func (s *proofs) forgetOldest() {
	s.floor = max(s.floor, s.list[0].nonce)
	s.drop()
}

func (s *proofs) drop() {
	s.n--
	copy(s.list[:], s.list[1:s.n+1])
	s.list[s.n] = proof{}
}

// merge adds what was proved elsewhere.
func (s *proofs) merge(other *proofs) {
	s.ends, s.floor = max(s.ends, other.ends), max(s.floor, other.floor)
	for _, p := range other.list[:other.n] {
		i, found := s.find(p.nonce)
		switch {
		case p.nonce <= s.floor:
		case !found:
			s.insert(i, p)
			if s.n > maxProofs {
				s.forgetOldest()
			}
		case cmp.Or(cmp.Compare(p.count, s.list[i].count), cmp.Compare(p.source, s.list[i].source)) > 0:
			s.list[i] = p
		}
	}
	for s.n > 0 && s.list[0].nonce <= s.floor {
		s.drop()
	}
}

// tell reports whether a merge of s into held changes that, but for its end.
func (s proofs) tell(held proofs) bool {
	s.ends = held.ends
	s.merge(&held)
	return s != held
}

// size returns the bytes that s takes in a record.
func (s *proofs) size() int {
	if s.ends == 0 {
		return 0
	}
	return proofsHead + s.n*proofSize
}

// put writes s into size bytes.
func (s *proofs) put(b []byte) {
	b[0] = byte(s.n)
	le.PutUint64(b[1:], s.floor)
	le.PutUint64(b[9:], uint64(s.ends))
	for i, p := range s.list[:s.n] {
		at := b[proofsHead+i*proofSize:]
		le.PutUint64(at, p.nonce)
		le.PutUint32(at[8:], p.count)
		le.PutUint32(at[12:], p.source)
	}
}

// proofBytes returns those of what was proved to the AOR, nil if nothing was.
func (r Record) proofBytes() []byte {
	if r.IsZero() || le.Uint16(r.b)&proofsFlag == 0 {
		return nil
	}
	at := 2 + r.aorLen()
	return r.b[at : at+proofsHead+int(r.b[at])*proofSize]
}

// proofs reads what was proved to the AOR.
func (r Record) proofs() (s proofs) {
	b := r.proofBytes()
	if b == nil {
		return s
	}
	s.n, s.floor, s.ends = int(b[0]), le.Uint64(b[1:]), proofsEnd(b)
	for i := range s.n {
		at := b[proofsHead+i*proofSize:]
		s.list[i] = proof{nonce: le.Uint64(at), count: le.Uint32(at[8:]), source: le.Uint32(at[12:])}
	}
	return s
}

// proofsEnd reads when what was proved is forgotten.
func proofsEnd(b []byte) int64 { return int64(le.Uint64(b[9:])) }

// proofsOver reports whether there are proofs in r, all of them over.
func (r Record) proofsOver(now int64) bool {
	b := r.proofBytes()
	return b != nil && proofsEnd(b) <= now
}

// putProofs overwrites what was proved, and reports whether it could: if it is of another size, nothing is changed.
func (r Record) putProofs(s *proofs) bool {
	b := r.proofBytes()
	if len(b) != s.size() {
		return false
	}
	if b != nil {
		s.put(b)
	}
	return true
}

// withProofs returns a copy of r, of the AOR, with s in place of what was proved.
func (r Record) withProofs(aor []byte, s *proofs) Record {
	size := 2 + len(aor) + s.size()
	var bindings []byte
	if !r.IsZero() {
		bindings = r.b[r.first():]
	}
	return Record{append(appendHead(make([]byte, 0, size+len(bindings)), aor, s), bindings...)}
}

// wellFormedProofs checks the proofs that b begins with, which hold a remaining lifetime, and returns their size; 0 if they
// are none.
func wellFormedProofs(b []byte) int {
	if len(b) < proofsHead || int(b[0]) > maxProofs || len(b) < proofsHead+int(b[0])*proofSize {
		return 0
	}
	below := le.Uint64(b[1:])
	if below == 0 && b[0] == 0 || proofsEnd(b) < -maxRemaining {
		return 0
	}
	for i := range int(b[0]) {
		nonce := le.Uint64(b[proofsHead+i*proofSize:])
		if nonce <= below {
			return 0
		}
		below = nonce
	}
	return proofsHead + int(b[0])*proofSize
}

// proofsSum mixes what was proved to the AOR into a checksum, which is the same on every member.
func (r Record) proofsSum(aor uint64) (sum uint64) {
	s := r.proofs()
	sum = mix(aor<<32 + s.floor*0x9e3779b97f4a7c15)
	for _, p := range s.list[:s.n] {
		sum += mix(aor<<32 + p.nonce*0x9e3779b97f4a7c15 + (uint64(p.count)<<32|uint64(p.source))*0xd1342543de82ef95)
	}
	return sum
}
