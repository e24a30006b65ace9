package token

import "github.com/cespare/xxhash/v2"

// HashTag is the number a token carries for a From tag: the upper half of its
// xxhash64, never 0 for one that is not empty. Part of the contract between
// versions.
func HashTag(tag []byte) uint32 {
	if len(tag) == 0 {
		return 0
	}
	return max(uint32(xxhash.Sum64(tag)>>32), 1)
}
