package ring

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/dchest/siphash"
)

// Seed is the key of a cluster's hash of addresses-of-record, the same for all
// members and for the cluster's life. Without it, anybody can make any number of
// addresses-of-record that lie in one partition, or have one hash: it is a secret
// of those who may read the member set.
//
// The zero Seed is none: clusters are without that began before there were seeds.
type Seed [16]byte

// Hash places a canonical AOR (RFC 3261 section 10.3, step 5) on the hash
// circle: SipHash-2-4 under the seed, xxhash64 without one. Part of the contract
// between versions. It does not allocate and is safe for concurrent use.
func (s Seed) Hash(aor []byte) uint64 {
	if s.IsZero() {
		return xxhash.Sum64(aor)
	}
	return siphash.Hash(binary.LittleEndian.Uint64(s[:8]), binary.LittleEndian.Uint64(s[8:]), aor)
}

// IsZero reports whether there is no seed.
func (s Seed) IsZero() bool { return s == Seed{} }

// String is the seed in hexadecimal.
func (s Seed) String() string { return hex.EncodeToString(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: 32 hexadecimal digits, or nothing for no seed.
func (s *Seed) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = Seed{}
		return nil
	}
	if len(text) != 2*len(s) {
		return fmt.Errorf("a seed has %d hexadecimal digits, not %d characters", 2*len(s), len(text))
	}
	if _, err := hex.Decode(s[:], text); err != nil {
		return fmt.Errorf("a seed has %d hexadecimal digits: %w", 2*len(s), err)
	}
	return nil
}
