// Package ringtest makes addresses-of-record that a stranger would make to hurt.
package ringtest

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Constants of xxhash64.
const (
	prime1 uint64 = 0x9e3779b185ebca87
	prime2 uint64 = 0xc2b2ae3d27d4eb4f
)

const (
	scheme = "sip:"
	// unreserved is what a user part may have as it is (RFC 3261 25.1).
	unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()"
	lanes      = 4
	stripe     = 8 * lanes // bytes that xxhash64 takes at a time, eight to a lane
)

// Colliding returns addresses-of-record, all different, that xxhash64 without a
// seed takes to the same number: the fourth power of variants, which is at most
// 16 or it takes seconds. The same for the same arguments.
//
// xxhash64 goes through each of its four lanes by itself, so in each the second
// eight bytes can undo what the first eight have changed. Any combination of such
// pairs leaves it in the same state.
func Colliding(variants int, domain string) [][]byte {
	rng := rand.New(rand.NewPCG(1, uint64(variants)))
	var pairs [lanes][][2]uint64
	for lane := range pairs {
		pairs[lane] = collidingPairs(rng, lane, variants)
	}
	var all [][]byte
	for n := range variants * variants * variants * variants {
		var aor [2 * stripe]byte
		for lane, rest := 0, n; lane < lanes; lane, rest = lane+1, rest/variants {
			pair := pairs[lane][rest%variants]
			binary.LittleEndian.PutUint64(aor[8*lane:], pair[0])
			binary.LittleEndian.PutUint64(aor[stripe+8*lane:], pair[1])
		}
		all = append(all, append(aor[:], "@"+domain...))
	}
	return all
}

// collidingPairs finds pairs of words that take a lane to the same state.
func collidingPairs(rng *rand.Rand, lane, n int) (pairs [][2]uint64) {
	start := [lanes]uint64{prime1, prime2, 0, 0}[lane]
	switch lane { // modulo 2^64, which constants are not
	case 0:
		start += prime2
	case 3:
		start -= prime1
	}
	first, second := word(rng, lane), word(rng, -1)
	state := round(start, first) + second*prime2
	for pairs = append(pairs, [2]uint64{first, second}); len(pairs) < n; {
		first = word(rng, lane)
		if second = (state - round(start, first)) * inverse(prime2); isUser(second) {
			pairs = append(pairs, [2]uint64{first, second})
		}
	}
	return pairs
}

// round is what xxhash64 does with a word.
func round(state, word uint64) uint64 { return bits.RotateLeft64(state+word*prime2, 31) * prime1 }

// word draws eight characters; the first of an address-of-record begin with the scheme.
func word(rng *rand.Rand, lane int) uint64 {
	var b [8]byte
	for i := range b {
		b[i] = unreserved[rng.IntN(len(unreserved))]
	}
	if lane == 0 {
		copy(b[:], scheme)
	}
	return binary.LittleEndian.Uint64(b[:])
}

var inUser = func() (in [256]bool) {
	for i := range len(unreserved) {
		in[unreserved[i]] = true
	}
	return in
}()

func isUser(word uint64) bool {
	for range 8 {
		if !inUser[byte(word)] {
			return false
		}
		word >>= 8
	}
	return true
}

// inverse returns the inverse of an odd number modulo 2^64 by Newton's steps.
func inverse(odd uint64) uint64 {
	x := odd
	for range 6 {
		x *= 2 - odd*x
	}
	return x
}
