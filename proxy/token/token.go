package token

import (
	"crypto/hmac"
	"encoding/binary"

	"github.com/sipring/sipring/proxy/flow"
)

// Bounds of a token.
const (
	// MaxToken is the length of the longest token that is read, in characters.
	// Those written here have at most maxWritten bytes.
	MaxToken = (maxBinary*8 + 5) / 6

	version    = 1
	headSize   = 3 // version, key ID, flags
	macSize    = 10
	maxWritten = headSize + 4 + 2*flow.MaxLen + termsLen + 2*len(noAOR) + macSize
	maxBinary  = maxWritten - termsLen + 2*maxAOR + 2*8
	minBinary  = headSize + 2*flow.MinLen + 2*len(noAOR) + macSize
	minToken   = (minBinary*8 + 5) / 6 // characters
)

// Flags: which optional parts follow.
const (
	hasCallerTag = 1 << iota
	hasCallerInstance
	hasCalleeInstance
	knownFlags = hasCallerTag | hasCallerInstance | hasCalleeInstance
)

// The format has room for the address-of-record and the instance of both ends.
// Nobody reads them, and every byte counts against the 1300 that a request on UDP
// may have (RFC 3261 18.1.1), so they are written empty, and passed over in what
// an earlier version wrote. Terms stand in the place of the caller's.
const (
	noAOR  = "\x00\x00"
	maxAOR = 255 // bytes
)

// Token is what a Record-Route URI of the cluster says about a dialog: enough
// for any pod to route any request within it. It is signed together with the
// dialog's Call-ID, so that it is worth nothing outside of that call.
type Token struct {
	// Caller and Callee are the flows to the two ends: where the request that began
	// the dialog came from and went to. Requests within it go to some port of that
	// address, or over that very flow if CallerNAT or CalleeNAT says that no other
	// leads there. Without Made, of an earlier version, they are always the latter,
	// and an end that has none is anywhere.
	Caller, Callee       flow.Flow
	CallerNAT, CalleeNAT bool
	// CallerTag is HashTag of the caller's tag, 0 for none. A request whose From
	// tag has this hash goes from the caller to the callee, any other the other
	// way: addresses cannot always tell.
	CallerTag uint32
	// Made is the Hour in which the token was made, 0 if it does not say.
	Made uint16
}

// AppendToken appends the signed token of t to dst as base64url without
// padding: characters that are free to stand in the user part and in a
// parameter of a SIP URI (RFC 3261 section 25.1).
// callID is the Call-ID of the request that begins the dialog.
func (k *Keys) AppendToken(dst []byte, t *Token, callID []byte) []byte {
	h := k.take()
	h.begin(0, purposeToken)
	h.bind(callID)
	bin := append(h.buf[:1], version, h.IDs[0], t.flags())
	bin = t.appendBody(bin)
	h.n = len(bin)
	bin = append(bin, h.finish()[:macSize]...)
	dst = encoding.AppendEncode(dst, bin[1:])
	k.put(h)
	return dst
}

// ParseToken verifies s, which came in a request with that Call-ID, and reads
// it into t. On any error t is left empty and
// the error is one of ErrTruncated, ErrTooLong, ErrEncoding, ErrVersion,
// ErrUnknownKey, ErrForged and ErrMalformed. A token that was cut short within
// its content is a forged one, and so is one of another call.
func (k *Keys) ParseToken(s, callID []byte, t *Token) error {
	*t = Token{}
	switch {
	case len(s) > MaxToken:
		return ErrTooLong
	case len(s) < minToken: // as most user parts that are none
		return ErrTruncated
	}
	h := k.take()
	err := k.parse(h, s, callID, t)
	k.put(h)
	if err != nil {
		*t = Token{}
	}
	return err
}

func (k *Keys) parse(h *hasher, s, callID []byte, t *Token) error {
	n, err := encoding.Decode(h.buf[1:], s)
	if err != nil || n != encoding.DecodedLen(len(s)) { // line breaks are skipped by Decode
		return ErrEncoding
	}
	bin := h.buf[1 : 1+n]
	if bin[0] != version {
		return ErrVersion
	}
	key := h.Index(bin[1])
	if key < 0 {
		return ErrUnknownKey
	}
	body, mac := bin[:n-macSize], bin[n-macSize:]
	h.begin(key, purposeToken)
	h.bind(callID)
	h.n += len(body)
	if !hmac.Equal(h.finish()[:macSize], mac) {
		return ErrForged
	}
	if !t.readBody(body[2], body[headSize:]) {
		return ErrMalformed
	}
	return nil
}

func (t *Token) flags() byte {
	if t.CallerTag != 0 {
		return hasCallerTag
	}
	return 0
}

// appendBody writes what the flags announce, in the order of readBody.
func (t *Token) appendBody(dst []byte) []byte {
	if t.CallerTag != 0 {
		dst = binary.BigEndian.AppendUint32(dst, t.CallerTag)
	}
	dst = flow.Append(dst, t.Caller)
	dst = flow.Append(dst, t.Callee)
	return append(t.appendTerms(dst), noAOR...)
}

// readBody reads a verified body. It reports whether all of it made sense.
func (t *Token) readBody(flags byte, body []byte) bool {
	r := reader{rest: body}
	if flags&hasCallerTag != 0 {
		t.CallerTag = uint32(r.big(4))
	}
	for _, instance := range [...]byte{hasCallerInstance, hasCalleeInstance} {
		if flags&instance != 0 {
			r.take(8)
		}
	}
	r.flow(&t.Caller)
	r.flow(&t.Callee)
	t.readTerms(&r)
	r.skipAOR()
	return !r.bad && len(r.rest) == 0 && flags&^byte(knownFlags) == 0
}

// skipAOR passes over an address-of-record: a byte that says what it shares with
// others, the length of the rest, the rest.
func (r *reader) skipAOR() {
	r.byte()
	r.take(int(r.byte()))
}
