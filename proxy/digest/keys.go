package digest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"

	"github.com/sipring/sipring/proxy/keyset"
)

// MaxKeys is the most keys that may be valid at once.
const MaxKeys = keyset.Max

// Key is a secret that the members of one cluster share.
type Key = keyset.Key

// Keys makes nonces with its current key and takes those of all of them. It is safe for
// concurrent use, Replace included: each call works with the keys that were valid when it
// began.
type Keys struct{ keys *keyset.Keys[*signer] }

// NewKeys takes the valid keys, 1 to MaxKeys of them, the current one first. IDs must be
// distinct and no secret may be all zero.
func NewKeys(keys []Key) (*Keys, error) {
	k, err := keyset.New("nonce", newSigner, keys)
	if err != nil {
		return nil, err
	}
	return &Keys{k}, nil
}

// Replace makes others the valid keys, as NewKeys takes them. On an error those of before
// stay.
func (k *Keys) Replace(keys []Key) error { return k.keys.Replace(keys) }

// Current returns the ID of the key that nonces are made with.
func (k *Keys) Current() uint8 { return k.keys.Current() }

// Purposes: the first byte of every MAC's input. A changed format takes another.
const (
	purposeNonce   = 'n'
	purposeRequest = 'r'
)

// signer is a workplace: one MAC state per key and room for what is signed. It is reused so
// that signing does not allocate.
type signer struct {
	*keyset.Set[*signer]
	macs  []hash.Hash // in the order of its IDs
	head  [1 + idSize + binary.MaxVarintLen64]byte
	addr  [16]byte
	sum   [sha256.Size]byte
	nonce [nonceSize]byte
}

func newSigner(of *keyset.Set[*signer], keys []Key) *signer {
	s := &signer{Set: of}
	for _, key := range keys {
		s.macs = append(s.macs, hmac.New(sha256.New, key.Secret[:]))
	}
	return s
}

func (k *Keys) take() *signer { return k.keys.Take() }

// put gives s back to the keys that it works with, valid or not any more.
func (k *Keys) put(s *signer) { s.Put(s) }

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
