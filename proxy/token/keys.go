package token

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// MaxKeys is the most keys that may be valid at once.
const MaxKeys = 4

// Key is a secret that the pods of one cluster share.
type Key struct {
	// ID names the key on the wire.
	ID uint8
	// Secret is 32 random bytes, used for nothing else.
	Secret [32]byte
}

// Keys signs with its current key and verifies with all of them. It is safe for
// concurrent use, Replace included: each call works with the keys that were valid
// when it began.
type Keys struct{ valid atomic.Pointer[keySet] }

// keySet is the keys that are valid at one time. It is immutable.
type keySet struct {
	ids  []uint8 // the first is the current one
	pool sync.Pool
}

// NewKeys takes the valid keys, 1 to MaxKeys of them, the current one first.
// IDs must be distinct and no secret may be all zero.
func NewKeys(keys []Key) (*Keys, error) {
	k := &Keys{}
	if err := k.Replace(keys); err != nil {
		return nil, err
	}
	return k, nil
}

// Replace makes others the valid keys, as NewKeys takes them. On an error those
// of before stay.
func (k *Keys) Replace(keys []Key) error {
	s, err := newKeySet(keys)
	if err != nil {
		return err
	}
	k.valid.Store(s)
	return nil
}

func newKeySet(keys []Key) (*keySet, error) {
	if len(keys) < 1 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("token keys: %d keys, need 1 to %d", len(keys), MaxKeys)
	}
	s := &keySet{}
	for _, key := range keys {
		if slices.Contains(s.ids, key.ID) {
			return nil, fmt.Errorf("token keys: id %d is there twice", key.ID)
		}
		if key.Secret == ([32]byte{}) {
			return nil, fmt.Errorf("token keys: the secret of id %d is empty", key.ID)
		}
		s.ids = append(s.ids, key.ID)
	}
	secrets := slices.Clone(keys)
	s.pool.New = func() any { return newHasher(s, secrets) }
	return s, nil
}

// Current returns the ID of the key that signs.
func (k *Keys) Current() uint8 { return k.valid.Load().ids[0] }

// index returns the place of the key named id, or -1.
func (s *keySet) index(id uint8) int { return slices.Index(s.ids, id) }

// Errors of ParseToken. Compare with errors.Is.
var (
	ErrTruncated  = errors.New("token too short")
	ErrTooLong    = errors.New("token too long")
	ErrEncoding   = errors.New("token is not base64url")
	ErrVersion    = errors.New("token of an unknown version")
	ErrUnknownKey = errors.New("token signed by an unknown key")
	ErrForged     = errors.New("token does not verify")
	// ErrMalformed means that a key holder signed what this version cannot read.
	ErrMalformed = errors.New("token verifies but cannot be read")
)
