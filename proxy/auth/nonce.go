package auth

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/digest"
)

// A response says nothing of whose bindings its REGISTER is to change, so that one which
// somebody has seen could be used for another address-of-record of the same user (see
// location.Proof). So the bits that a nonce's time leaves free hold a mark of the
// address-of-record that it was made for, above a few of chance.
const (
	chanceBits = 4
	markBits   = 20 - chanceBits
)

// mark is that of a canonical address-of-record: the same on every member.
func mark(aor []byte) uint32 { return uint32(xxhash.Sum64(aor) >> (64 - markBits)) }

// newNonce is the number of a nonce for whoever sends. One that is asked for by a proxy has all
// its bits by chance: members that are asked for one account's in the same millisecond would
// else make the same, of which one request alone could be let in.
func (a *attempt) newNonce() uint64 {
	if a.proxy() || len(a.aor) == 0 {
		return digest.NonceID(a.d.Unix, rand.Uint32())
	}
	m := mark(a.aor)
	return digest.NonceID(a.g.issued.next(m, a.d.Unix), m<<chanceBits|rand.Uint32()&(1<<chanceBits-1))
}

// isMarked reports whether a nonce was made for the address-of-record that a REGISTER is
// for. Other requests change nobody's bindings.
func (a *attempt) isMarked(id uint64) bool {
	return a.proxy() || uint32(id>>chanceBits)&(1<<markBits-1) == mark(a.aor)
}

// issued are the times of the latest nonces, by their marks: two of one mark have
// different ones. Safe for concurrent use.
type issued [1 << 12]atomic.Int64

// maxAhead is how much later than now a nonce may say that it was made, in milliseconds:
// beyond, as somebody asks for thousands a second, two may be the same.
const maxAhead = skew / 4

// next is the time for a nonce of that mark, in milliseconds.
func (is *issued) next(mark uint32, now int64) int64 {
	last := &is[mark%uint32(len(is))]
	for {
		before := last.Load()
		at := max(now, min(before+1, now+maxAhead))
		if last.CompareAndSwap(before, at) {
			return at
		}
	}
}
