package digest

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// NonceLen is the length of every nonce that is made here, in characters.
const NonceLen = nonceSize / 3 * 4

const (
	idSize    = 8
	macSize   = 12
	nonceSize = 1 + idSize + macSize // bytes: a multiple of 3, so that no bit is spare
)

const (
	// epoch is 2020-01-01 UTC in milliseconds since 1970.
	epoch = 1577836800000
	// randomBits are those below the time in an ID.
	randomBits = 20
)

// NonceID is the number of a nonce: the time, in milliseconds since 1970, above 20 bits of
// chance, so that of two the one that was made later is greater. Times are told apart from
// 2020 until 2577.
func NonceID(unixMilli int64, random uint32) uint64 {
	return uint64(max(unixMilli-epoch, 0))<<randomBits | uint64(random)&(1<<randomBits-1)
}

// NonceTime is when the nonce of that ID was made, in milliseconds since 1970.
func NonceTime(id uint64) int64 { return int64(id>>randomBits) + epoch }

// AppendNonce appends the nonce with that ID for a realm (without escapes). It is good for
// requests from that source alone; the zero Addr binds it to none.
func (k *Keys) AppendNonce(dst []byte, id uint64, realm []byte, source netip.Addr) []byte {
	s := k.take()
	s.nonce[0] = s.IDs[0]
	binary.BigEndian.PutUint64(s.nonce[1:], id)
	copy(s.nonce[1+idSize:], s.sign(0, id, realm, source))
	dst = base64.RawURLEncoding.AppendEncode(dst, s.nonce[:])
	k.put(s)
	return dst
}

// ParseNonce reads a nonce, as it stands in a response. ok says that this cluster made it,
// for that realm and source, with a key that is still valid. Whether it is too old, or of a
// time that has not come, is for the caller to judge by NonceTime.
func (k *Keys) ParseNonce(nonce, realm []byte, source netip.Addr) (id uint64, ok bool) {
	if len(nonce) != NonceLen {
		return 0, false
	}
	s := k.take()
	id, ok = s.parse(nonce, realm, source)
	k.put(s)
	return id, ok
}

func (s *signer) parse(nonce, realm []byte, source netip.Addr) (id uint64, ok bool) {
	n, err := base64.RawURLEncoding.Decode(s.nonce[:], nonce)
	if err != nil || n != nonceSize { // line breaks are skipped by Decode
		return 0, false
	}
	key := s.Index(s.nonce[0])
	if key < 0 {
		return 0, false
	}
	id = binary.BigEndian.Uint64(s.nonce[1:])
	if !hmac.Equal(s.sign(key, id, realm, source), s.nonce[1+idSize:]) {
		return 0, false
	}
	return id, true
}
