package token

import (
	"crypto/hmac"
	"encoding/binary"
)

// Bounds of a token.
const (
	// MaxAOR is the longest AOR a token carries, in bytes. A longer one is left
	// out: the token then routes by flow alone.
	MaxAOR = 255
	// MaxToken is the length of the longest token, in characters.
	MaxToken = (maxBinary*8 + 5) / 6

	version   = 1
	headSize  = 3 // version, key ID, flags
	macSize   = 10
	maxBinary = headSize + 4 + 2*maxFlow + 2*(2+MaxAOR) + 2*8 + macSize
	minBinary = headSize + 2*minFlow + 2*2 + macSize
)

// Flags: which optional parts follow.
const (
	hasCallerTag = 1 << iota
	hasCallerInstance
	hasCalleeInstance
	knownFlags = hasCallerTag | hasCallerInstance | hasCalleeInstance
)

// Token is what a Record-Route URI of the cluster says about a dialog: enough
// for any pod to route any request within it. It is signed together with the
// dialog's Call-ID, so that it is worth nothing outside of that call.
//
// A Token is meant to be reused. After ParseToken its AORs lie in a buffer
// inside it: they hold until the next ParseToken into the same Token, and a
// copy of the struct does not copy them. One goroutine at a time may use it.
type Token struct {
	// Caller and Callee are the flows to the two ends.
	Caller, Callee Flow
	// CallerAOR and CalleeAOR are canonical (RFC 3261 section 10.3 step 5), at
	// most MaxAOR bytes, empty for an end that is not ours.
	CallerAOR, CalleeAOR []byte
	// CallerInstance and CalleeInstance are HashInstance of the ends'
	// +sip.instance (RFC 5626), 0 for none.
	CallerInstance, CalleeInstance uint64
	// CallerTag is HashTag of the caller's tag, 0 for none. A request whose From
	// tag has this hash goes from the caller to the callee, any other the other
	// way: addresses and AORs cannot always tell.
	CallerTag uint32

	aors [2 * MaxAOR]byte
}

// AppendToken appends the signed token of t to dst as base64url without
// padding: characters that are free to stand in the user part and in a
// parameter of a SIP URI (RFC 3261 section 25.1). At most MaxToken of them.
// callID is the Call-ID of the request that begins the dialog.
func (k *Keys) AppendToken(dst []byte, t *Token, callID []byte) []byte {
	h := k.take()
	h.begin(0, purposeToken)
	h.bind(callID)
	bin := append(h.buf[:1], version, k.ids[0], t.flags())
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
	t.clear()
	if len(s) > MaxToken {
		return ErrTooLong
	}
	h := k.take()
	err := k.parse(h, s, callID, t)
	k.put(h)
	if err != nil {
		t.clear()
	}
	return err
}

func (k *Keys) parse(h *hasher, s, callID []byte, t *Token) error {
	n, err := encoding.Decode(h.buf[1:], s)
	if err != nil || n != encoding.DecodedLen(len(s)) { // line breaks are skipped by Decode
		return ErrEncoding
	}
	if n < minBinary {
		return ErrTruncated
	}
	bin := h.buf[1 : 1+n]
	if bin[0] != version {
		return ErrVersion
	}
	key := k.index(bin[1])
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

func (t *Token) clear() {
	t.Caller, t.Callee = Flow{}, Flow{}
	t.CallerAOR, t.CalleeAOR = nil, nil
	t.CallerInstance, t.CalleeInstance, t.CallerTag = 0, 0, 0
}

func (t *Token) flags() (flags byte) {
	if t.CallerTag != 0 {
		flags |= hasCallerTag
	}
	if t.CallerInstance != 0 {
		flags |= hasCallerInstance
	}
	if t.CalleeInstance != 0 {
		flags |= hasCalleeInstance
	}
	return flags
}

// appendBody writes what the flags announce, in the order of readBody.
func (t *Token) appendBody(dst []byte) []byte {
	if t.CallerTag != 0 {
		dst = binary.BigEndian.AppendUint32(dst, t.CallerTag)
	}
	if t.CallerInstance != 0 {
		dst = binary.BigEndian.AppendUint64(dst, t.CallerInstance)
	}
	if t.CalleeInstance != 0 {
		dst = binary.BigEndian.AppendUint64(dst, t.CalleeInstance)
	}
	dst = appendFlow(dst, t.Caller)
	dst = appendFlow(dst, t.Callee)
	caller, callee := bounded(t.CallerAOR), bounded(t.CalleeAOR)
	dst = appendAOR(dst, caller, nil)
	return appendAOR(dst, callee, caller)
}

// readBody reads a verified body. It reports whether all of it made sense.
func (t *Token) readBody(flags byte, body []byte) bool {
	r := reader{rest: body}
	if flags&hasCallerTag != 0 {
		t.CallerTag = uint32(r.big(4))
	}
	if flags&hasCallerInstance != 0 {
		t.CallerInstance = r.big(8)
	}
	if flags&hasCalleeInstance != 0 {
		t.CalleeInstance = r.big(8)
	}
	t.Caller = r.flow()
	t.Callee = r.flow()
	t.CallerAOR = r.aor(t.aors[:0:MaxAOR], nil)
	t.CalleeAOR = r.aor(t.aors[MaxAOR:MaxAOR], t.CallerAOR)
	return !r.bad && len(r.rest) == 0 && flags&^byte(knownFlags) == 0
}

func bounded(aor []byte) []byte {
	if len(aor) > MaxAOR {
		return nil
	}
	return aor
}
