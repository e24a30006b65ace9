package token

import (
	"errors"

	"github.com/sipring/sipring/proxy/keyset"
)

// MaxKeys is the most keys that may be valid at once.
const MaxKeys = keyset.Max

// Key is a secret that the members of one cluster share.
type Key = keyset.Key

// Keys signs with its current key and verifies with all of them. It is safe for
// concurrent use, Replace included: each call works with the keys that were valid
// when it began.
type Keys struct{ keys *keyset.Keys[*hasher] }

// NewKeys takes the valid keys, 1 to MaxKeys of them, the current one first.
// IDs must be distinct and no secret may be all zero.
func NewKeys(keys []Key) (*Keys, error) {
	k, err := keyset.New("token", newHasher, keys)
	if err != nil {
		return nil, err
	}
	return &Keys{k}, nil
}

// Replace makes others the valid keys, as NewKeys takes them. On an error those
// of before stay.
func (k *Keys) Replace(keys []Key) error { return k.keys.Replace(keys) }

// Current returns the ID of the key that signs.
func (k *Keys) Current() uint8 { return k.keys.Current() }

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
