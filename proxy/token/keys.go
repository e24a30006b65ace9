package token

import (
	"errors"
	"fmt"
	"slices"
	"sync"
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

// Keys signs with its current key and verifies with all of them. It is
// immutable and safe for concurrent use.
type Keys struct {
	ids  []uint8 // the first is the current one
	pool sync.Pool
}

// NewKeys takes the valid keys, 1 to MaxKeys of them, the current one first.
// IDs must be distinct and no secret may be all zero.
func NewKeys(keys []Key) (*Keys, error) {
	if len(keys) < 1 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("token keys: %d keys, need 1 to %d", len(keys), MaxKeys)
	}
	k := &Keys{}
	for _, key := range keys {
		if slices.Contains(k.ids, key.ID) {
			return nil, fmt.Errorf("token keys: id %d is there twice", key.ID)
		}
		if key.Secret == ([32]byte{}) {
			return nil, fmt.Errorf("token keys: the secret of id %d is empty", key.ID)
		}
		k.ids = append(k.ids, key.ID)
	}
	secrets := slices.Clone(keys)
	k.pool.New = func() any { return newHasher(secrets) }
	return k, nil
}

// Current returns the ID of the key that signs.
func (k *Keys) Current() uint8 { return k.ids[0] }

// index returns the place of the key named id, or -1.
func (k *Keys) index(id uint8) int { return slices.Index(k.ids, id) }

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
