package token

import (
	"crypto/hmac"
	"encoding/binary"

	"github.com/sipring/sipring/proxy/flow"
)

// Bounds of a token.
const (
	// MaxToken is the length of the longest token that is read, in characters.
	MaxToken = (maxBinary*8 + 5) / 6

	version   = 1
	headSize  = 3 // version, key ID, flags
	macSize   = 10
	maxBinary = headSize + 4 + 2*8 + 2*flow.MaxLen + termsLen + 3*len(noAOR) + 2*MaxAOR + macSize // of owners there is room in the callee's place
	minBinary = headSize + 2*flow.MinLen + 2*len(noAOR) + macSize
	minToken  = (minBinary*8 + 5) / 6 // characters
)

// Flags: which optional parts follow.
const (
	hasCallerTag = 1 << iota
	hasCallerInstance
	hasCalleeInstance
	hasCallerAOR
	masked     // what follows is, as it says who somebody is
	knownFlags = hasCallerTag | hasCallerInstance | hasCalleeInstance | hasCallerAOR | masked
)

// An address-of-record is a byte that says how it is written, its length, and the text.
// Every byte counts against the 1300 that a request on UDP may have (RFC 3261 18.1.1), so
// of an end without a connection nothing is written: two bytes for the callee, as ever,
// and none for the caller, in whose place the terms stand; if it has one, that comes
// last. Owners of UDP flows stand before the callee's (owners.go). What an earlier version wrote,
// always of both ends, is passed over.
const (
	noAOR   = "\x00\x00"
	aorMark = 0x7e // began none of those

	// MaxAOR is the longest address-of-record that a token holds, in bytes. A longer
	// one is left out.
	MaxAOR = 255
)

// End is who is at one end of a dialog, for an end with a connection: when that is over
// the end is found by it over the next one.
type End struct {
	// AOR is the address-of-record that it has registered for, in canonical form, empty
	// for none.
	AOR []byte
	// Instance is the xxhash64 of its +sip.instance, 0 for none (RFC 5626 4.1).
	Instance uint64
}

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
	// CallerEnd and CalleeEnd are who the ends are. A token that was parsed has their
	// bytes itself, until the next one is parsed into it.
	CallerEnd, CalleeEnd End
	// Made is the Hour in which the token was made, 0 if it does not say.
	Made uint16

	text []byte // of the ends
}

func (t *Token) reset() { *t = Token{text: t.text[:0]} }

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
	mac := h.finish()[:macSize]
	if bin[headSize]&masked != 0 {
		h.mask(0, mac, bin[1+headSize:])
	}
	bin = append(bin, mac...)
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
	t.reset()
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
		t.reset()
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
	if body[2]&masked != 0 {
		h.mask(key, mac, body[headSize:])
	}
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

func (t *Token) flags() (flags byte) {
	if t.CallerTag != 0 {
		flags |= hasCallerTag
	}
	if t.CallerEnd.Instance != 0 {
		flags |= hasCallerInstance
	}
	if t.CalleeEnd.Instance != 0 {
		flags |= hasCalleeInstance
	}
	if t.CallerEnd.hasAOR() {
		flags |= hasCallerAOR
	}
	if flags > hasCallerTag || t.hasCalleeAOR() {
		flags |= masked
	}
	return flags
}

func (e *End) hasAOR() bool { return len(e.AOR) > 0 && len(e.AOR) <= MaxAOR }

// appendBody writes what the flags announce, in the order of readBody.
func (t *Token) appendBody(dst []byte) []byte {
	if t.CallerTag != 0 {
		dst = binary.BigEndian.AppendUint32(dst, t.CallerTag)
	}
	for _, e := range [...]*End{&t.CallerEnd, &t.CalleeEnd} {
		if e.Instance != 0 {
			dst = binary.BigEndian.AppendUint64(dst, e.Instance)
		}
	}
	dst = flow.Append(dst, t.Caller)
	dst = flow.Append(dst, t.Callee)
	dst = t.appendCallee(t.appendTerms(dst))
	if t.CallerEnd.hasAOR() {
		dst = t.CallerEnd.appendAOR(dst)
	}
	return dst
}

func (e *End) appendAOR(dst []byte) []byte {
	if !e.hasAOR() {
		return append(dst, noAOR...)
	}
	return append(append(dst, aorMark, byte(len(e.AOR))), e.AOR...)
}

// readBody reads a verified body. It reports whether all of it made sense.
func (t *Token) readBody(flags byte, body []byte) bool {
	r := reader{rest: body}
	if flags&hasCallerTag != 0 {
		t.CallerTag = uint32(r.big(4))
	}
	if flags&hasCallerInstance != 0 {
		t.CallerEnd.Instance = r.big(8)
	}
	if flags&hasCalleeInstance != 0 {
		t.CalleeEnd.Instance = r.big(8)
	}
	r.flow(&t.Caller)
	r.flow(&t.Callee)
	t.readTerms(&r)
	callee, caller := t.readCallee(&r), []byte(nil)
	if flags&hasCallerAOR != 0 {
		if caller = r.aor(); len(caller) == 0 {
			r.bad = true
		}
	}
	t.keep(caller, callee)
	return !r.bad && len(r.rest) == 0 && flags&^byte(knownFlags) == 0
}

// keep copies the addresses-of-record, which lie where the next token is read.
func (t *Token) keep(caller, callee []byte) {
	t.text = append(append(t.text[:0], caller...), callee...)
	if n := len(caller); n > 0 {
		t.CallerEnd.AOR = t.text[:n:n]
	}
	if n := len(caller); len(callee) > 0 {
		t.CalleeEnd.AOR = t.text[n:len(t.text):len(t.text)]
	}
}

// aor reads an address-of-record, and passes over one of an earlier version.
func (r *reader) aor() []byte {
	mark := r.byte()
	text := r.take(int(r.byte()))
	if mark != aorMark {
		return nil
	}
	r.bad = r.bad || len(text) == 0
	return text
}
