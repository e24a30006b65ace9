package token

import "github.com/cespare/xxhash/v2"

// An AOR is written as what it does not share with its surroundings, for a
// token has few bytes to spend: one byte whose bit 7 stands for a leading
// "sip:" and whose other bits count the bytes at the end that it shares with
// the other AOR (in most calls the domain), one byte for the length of the
// rest, the rest.
const (
	scheme    = "sip:"
	hasScheme = 1 << 7
	maxShared = hasScheme - 1
)

func appendAOR(dst, aor, other []byte) []byte {
	var head byte
	if len(aor) >= len(scheme) && string(aor[:len(scheme)]) == scheme {
		head = hasScheme
		aor = aor[len(scheme):]
	}
	shared := 0
	for shared < min(len(aor), len(other), maxShared) &&
		aor[len(aor)-1-shared] == other[len(other)-1-shared] {
		shared++
	}
	rest := aor[:len(aor)-shared]
	dst = append(dst, head|byte(shared), byte(len(rest)))
	return append(dst, rest...)
}

// aor reads an AOR into dst, which is empty with a capacity of MaxAOR.
func (r *reader) aor(dst, other []byte) []byte {
	head := r.byte()
	rest := r.take(int(r.byte()))
	shared := int(head & maxShared)
	if head&hasScheme != 0 {
		dst = append(dst, scheme...)
	}
	if r.bad || shared > len(other) || len(dst)+len(rest)+shared > cap(dst) {
		r.bad = true
		return nil
	}
	dst = append(dst, rest...)
	dst = append(dst, other[len(other)-shared:]...)
	if len(dst) == 0 {
		return nil
	}
	return dst
}

// HashInstance is the number a token carries for a +sip.instance value, given
// without its quotes: xxhash64, never 0 for one that is not empty. Part of the
// contract between versions.
func HashInstance(instance []byte) uint64 {
	if len(instance) == 0 {
		return 0
	}
	return max(xxhash.Sum64(instance), 1)
}

// HashTag is the number a token carries for a From tag: the upper half of its
// xxhash64, never 0 for one that is not empty. Part of the contract between
// versions.
func HashTag(tag []byte) uint32 {
	if len(tag) == 0 {
		return 0
	}
	return max(uint32(xxhash.Sum64(tag)>>32), 1)
}
