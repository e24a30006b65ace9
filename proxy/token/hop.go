package token

import (
	"crypto/hmac"
	"net/netip"
)

// HopLen is the length of what AppendHop appends, in characters.
const HopLen = 8

const (
	purposeHop = 'h'
	hopMAC     = HopLen / 4 * 3
)

// AppendHop appends the proof that responses to the transaction tx go to an
// address: HopLen characters, all of them of an RFC 3261 token. A Via that
// carries it beside the branch lets a pod that never saw the request tell the Via
// below from one that the far end has put there. It is signed by the key that
// made tx, like the branch.
func (k *Keys) AppendHop(dst []byte, tx TxID, to netip.AddrPort) []byte {
	h := k.take()
	dst = encoding.AppendEncode(dst, k.hop(h, h.indexOf(tx), tx, to))
	k.put(h)
	return dst
}

// IsHop reports whether s is what AppendHop writes for tx and an address, at any
// pod under any valid key.
func (k *Keys) IsHop(s []byte, tx TxID, to netip.AddrPort) bool {
	if len(s) != HopLen {
		return false
	}
	var mac [hopMAC]byte
	if n, err := encoding.Decode(mac[:], s); err != nil || n != hopMAC { // line breaks are skipped by Decode
		return false
	}
	h := k.take()
	key := h.index(tx.KeyID())
	ok := key >= 0 && hmac.Equal(k.hop(h, key, tx, to), mac[:])
	k.put(h)
	return ok
}

// hop returns the MAC, valid until h is used again. An IPv4 address is the same
// in either form.
func (k *Keys) hop(h *hasher, key int, tx TxID, to netip.AddrPort) []byte {
	address := to.Addr().As16()
	h.begin(key, purposeHop)
	h.field(tx[:])
	h.field(address[:])
	h.number(uint64(to.Port()))
	return h.finish()[:hopMAC]
}
