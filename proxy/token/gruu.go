package token

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
)

const (
	purposeGRUU = 'u'
	gruuFixed   = 8 + 8 + 4 // before the address-of-record
	gruuBlock   = 16        // its length is told no closer than this
	maxGRUUBody = (gruuFixed + MaxAOR + gruuBlock - 1) / gruuBlock * gruuBlock
	maxGRUUBin  = 1 + macSize + maxGRUUBody // key ID before it

	// MaxGRUU is the length of the longest GRUU, in characters.
	MaxGRUU = (maxGRUUBin*8 + 5) / 6
)

// GRUU is what the user part of a temporary GRUU says (RFC 5627 3.1.2): who it leads to.
// No state is kept of it.
type GRUU struct {
	// AOR is the address-of-record in canonical form, 1 to MaxAOR bytes.
	AOR []byte
	// Instance is a hash of the instance of its user agent, and Call one of the Call-ID
	// that this must be registered by still (RFC 5627 3.1.2: another one ends all GRUUs of
	// before).
	Instance, Call uint64
	// CSeq makes those of each registration other ones.
	CSeq uint32

	text []byte
}

// AppendGRUU appends g as base64url: at most MaxGRUU characters, all of which may stand in
// the user part of a SIP URI. Nobody without the key can read or make one, or tell whether
// two are of one user (RFC 5627 8). ok is false if there is no room for the
// address-of-record.
func (k *Keys) AppendGRUU(dst []byte, g *GRUU) (out []byte, ok bool) {
	if len(g.AOR) == 0 || len(g.AOR) > MaxAOR {
		return dst, false
	}
	h := k.take()
	h.begin(0, purposeGRUU)
	body := binary.BigEndian.AppendUint64(h.buf[:1], g.Instance)
	body = binary.BigEndian.AppendUint64(body, g.Call)
	body = binary.BigEndian.AppendUint32(body, g.CSeq)
	body = append(body, g.AOR...)
	for (len(body)-1)%gruuBlock != 0 {
		body = append(body, 0)
	}
	h.n = len(body)
	var bin [maxGRUUBin]byte
	bin[0] = h.IDs[0]
	n := 1 + copy(bin[1:], h.finish()[:macSize])
	n += copy(bin[n:], body[1:])
	h.mask(0, bin[1:], bin[1+macSize:n])
	dst = encoding.AppendEncode(dst, bin[:n])
	k.put(h)
	return dst, true
}

// ParseGRUU reads what AppendGRUU has written, under any valid key, into g, whose
// AOR holds until the next call. It returns false for anything else.
func (k *Keys) ParseGRUU(s []byte, g *GRUU) bool {
	*g = GRUU{text: g.text[:0]}
	if len(s) > MaxGRUU {
		return false
	}
	var bin [maxGRUUBin]byte
	n, err := encoding.Decode(bin[:], s)
	if err != nil || n != encoding.DecodedLen(len(s)) { // line breaks are skipped by Decode
		return false
	}
	if n -= 1 + macSize; n < gruuFixed || n%gruuBlock != 0 {
		return false
	}
	h := k.take()
	ok := k.parseGRUU(h, bin[0], bin[1:1+macSize], bin[1+macSize:1+macSize+n], g)
	k.put(h)
	return ok
}

func (k *Keys) parseGRUU(h *hasher, id byte, mac, body []byte, g *GRUU) bool {
	key := h.Index(id)
	if key < 0 {
		return false
	}
	h.mask(key, mac, body)
	h.begin(key, purposeGRUU)
	h.n += copy(h.buf[1:], body)
	if !hmac.Equal(h.finish()[:macSize], mac) {
		return false
	}
	g.Instance, g.Call = binary.BigEndian.Uint64(body), binary.BigEndian.Uint64(body[8:])
	g.CSeq = binary.BigEndian.Uint32(body[16:])
	g.text = append(g.text, bytes.TrimRight(body[gruuFixed:], "\x00")...)
	g.AOR = g.text
	return true
}
