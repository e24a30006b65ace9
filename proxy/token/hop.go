package token

import (
	"crypto/hmac"
	"net/netip"
	"strings"
)

// HopLen is the length of what AppendHop appends, in characters: one that says the
// share, and the MAC.
const HopLen = 1 + hopMAC/3*4

// MaxShare is the largest share that a hop can say: what one character holds.
const MaxShare = 63

const (
	purposeHop = 'h'
	hopMAC     = 6
)

// shares are the characters of shares, in order.
const shares = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// AppendHop appends the proof that responses to the transaction tx go to an
// address, and that its branch was given that share of a breadth, up to MaxShare:
// HopLen characters, all of them of an RFC 3261 token. A Via that
// carries it beside the branch lets a pod that never saw the request tell the Via
// below from one that the far end has put there. It is signed by the key that
// made tx, like the branch.
func (k *Keys) AppendHop(dst []byte, tx TxID, to netip.AddrPort, share int) []byte {
	share = min(max(share, 0), MaxShare)
	h := k.take()
	dst = encoding.AppendEncode(append(dst, shares[share]), k.hop(h, h.indexOf(tx), tx, to, share))
	k.put(h)
	return dst
}

// ParseHop reports whether s is what AppendHop writes for tx and an address, at any
// pod under any valid key, and returns the share.
func (k *Keys) ParseHop(s []byte, tx TxID, to netip.AddrPort) (share int, ok bool) {
	if len(s) != HopLen {
		return 0, false
	}
	var mac [hopMAC]byte
	share = strings.IndexByte(shares, s[0])
	if n, err := encoding.Decode(mac[:], s[1:]); err != nil || n != hopMAC || share < 0 { // line breaks are skipped by Decode
		return 0, false
	}
	h := k.take()
	key := h.Index(tx.KeyID())
	ok = key >= 0 && hmac.Equal(k.hop(h, key, tx, to, share), mac[:])
	k.put(h)
	if !ok {
		return 0, false
	}
	return share, true
}

// hop returns the MAC, valid until h is used again. An IPv4 address is the same
// in either form.
func (k *Keys) hop(h *hasher, key int, tx TxID, to netip.AddrPort, share int) []byte {
	address := to.Addr().As16()
	h.begin(key, purposeHop)
	h.field(tx[:])
	h.field(address[:])
	h.number(uint64(to.Port()))
	h.number(uint64(share))
	return h.finish()[:hopMAC]
}
