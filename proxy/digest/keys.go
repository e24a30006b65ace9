package digest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// MaxKeys is the most keys that may be valid at once.
const MaxKeys = 4

// Key is a secret that the members of one cluster share.
type Key struct {
	// ID names the key on the wire.
	ID uint8
	// Secret is 32 random bytes, used for nothing else.
	Secret [sha256.Size]byte
}

// Keys makes nonces with its current key and takes those of all of them. It is safe for
// concurrent use, Replace included: each call works with the keys that were valid when it
// began.
type Keys struct{ valid atomic.Pointer[keySet] }

// keySet is the keys that are valid at one time. It is immutable.
type keySet struct {
	ids  []uint8 // the first is the current one
	pool sync.Pool
}

// NewKeys takes the valid keys, 1 to MaxKeys of them, the current one first. IDs must be
// distinct and no secret may be all zero.
func NewKeys(keys []Key) (*Keys, error) {
	k := &Keys{}
	if err := k.Replace(keys); err != nil {
		return nil, err
	}
	return k, nil
}

// Replace makes others the valid keys, as NewKeys takes them. On an error those of before
// stay. While keys are rotated, a member that is a step behind takes what one ahead makes
// if each new key is valid everywhere before it is the first anywhere.
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
		return nil, fmt.Errorf("nonce keys: %d keys, need 1 to %d", len(keys), MaxKeys)
	}
	s := &keySet{}
	for _, key := range keys {
		if slices.Contains(s.ids, key.ID) {
			return nil, fmt.Errorf("nonce keys: id %d is there twice", key.ID)
		}
		if key.Secret == ([sha256.Size]byte{}) {
			return nil, fmt.Errorf("nonce keys: the secret of id %d is empty", key.ID)
		}
		s.ids = append(s.ids, key.ID)
	}
	secrets := slices.Clone(keys)
	s.pool.New = func() any { return newSigner(s, secrets) }
	return s, nil
}

// Current returns the ID of the key that nonces are made with.
func (k *Keys) Current() uint8 { return k.valid.Load().ids[0] }

// purposeNonce is the first byte of every MAC's input. A changed format takes another.
const purposeNonce = 'n'

// signer is a workplace: one MAC state per key and room for what is signed. It is reused so
// that signing does not allocate.
type signer struct {
	*keySet
	macs  []hash.Hash // in the order of ids
	head  [1 + idSize + binary.MaxVarintLen64]byte
	addr  [16]byte
	sum   [sha256.Size]byte
	nonce [nonceSize]byte
}

func newSigner(of *keySet, keys []Key) *signer {
	s := &signer{keySet: of}
	for _, key := range keys {
		s.macs = append(s.macs, hmac.New(sha256.New, key.Secret[:]))
	}
	return s
}

func (k *Keys) take() *signer { return k.valid.Load().pool.Get().(*signer) }

// put gives s back to the keys that it works with, valid or not any more.
func (k *Keys) put(s *signer) { s.pool.Put(s) }

// sign returns the MAC of a nonce under the key at a place in ids, valid until the next.
func (s *signer) sign(key int, id uint64, realm []byte, source netip.Addr) []byte {
	mac := s.macs[key]
	mac.Reset()
	head := append(s.head[:0], purposeNonce)
	head = binary.BigEndian.AppendUint64(head, id)
	mac.Write(binary.AppendUvarint(head, uint64(len(realm))))
	mac.Write(realm)
	if source.IsValid() { // of IPv4 the form in IPv6, whichever way it came
		s.addr = source.As16()
		mac.Write(s.addr[:])
	}
	return mac.Sum(s.sum[:0])[:macSize]
}
