package digest

import (
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// MarkRequest tells a request that uses a nonce from every other one: all of its bytes
// and where it comes from go into it, and the key that the nonce was made with, so that a
// retransmission has the same mark on every member, and nobody who lacks the keys can
// make another request with that mark. It is 0 for a nonce that is not of a key of ours.
func (k *Keys) MarkRequest(nonce, request []byte, source netip.Addr) uint64 {
	var id [3]byte
	if len(nonce) != NonceLen {
		return 0
	}
	if _, err := base64.RawURLEncoding.Decode(id[:], nonce[:4]); err != nil {
		return 0
	}
	s := k.take()
	defer k.put(s)
	key := s.Index(id[0])
	if key < 0 {
		return 0
	}
	mac := s.macs[key]
	mac.Reset()
	s.addr = [16]byte{}
	if source.IsValid() {
		s.addr = source.As16()
	}
	mac.Write(append(append(s.head[:0], purposeRequest), s.addr[:]...))
	mac.Write(request)
	return binary.BigEndian.Uint64(mac.Sum(s.sum[:0]))
}
