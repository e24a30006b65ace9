package token

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/flow"
)

// The terms of a token are how long it lasts, and which ends are behind NAT. They
// stand where earlier versions wrote the caller's address-of-record, behind a byte
// that began none of those, so that members of an earlier version pass over them.
const (
	termsMark = 0x7f
	termsLen  = 3 // an hour and flags
)

const (
	callerNAT = 1 << iota
	calleeNAT
	knownTerms = callerNAT | calleeNAT
)

// Hour is the hour of a time in seconds since 1970, never 0. Hours are counted
// modulo 2^16, seven years.
func Hour(seconds int64) uint16 { return max(uint16(seconds/3600), 1) }

// Way is the flow to an end, and whether requests within the dialog go to that end
// over this very flow: see Caller.
func (t *Token) Way(callee bool) (to flow.Flow, nat bool) {
	to, nat = t.Caller, t.CallerNAT
	if callee {
		to, nat = t.Callee, t.CalleeNAT
	}
	return to, nat || t.Made == 0 && to.IsValid()
}

// Expired reports whether the token is older than lifetime hours, at most 32767;
// or that much newer, as no clock is wrong by so much. One of an earlier version
// does not say, and is not.
func (t *Token) Expired(now, lifetime uint16) bool {
	if t.Made == 0 {
		return false
	}
	age := int(int16(now - t.Made))
	return max(age, -age) > int(lifetime)
}

// appendTerms writes the caller's address-of-record, empty, or the terms instead.
func (t *Token) appendTerms(dst []byte) []byte {
	if t.Made == 0 {
		return append(dst, noAOR...)
	}
	flags := byte(0)
	if t.CallerNAT {
		flags |= callerNAT
	}
	if t.CalleeNAT {
		flags |= calleeNAT
	}
	return append(binary.BigEndian.AppendUint16(append(dst, termsMark, termsLen), t.Made), flags)
}

// readTerms reads what appendTerms writes.
func (t *Token) readTerms(r *reader) {
	mark, n := r.byte(), int(r.byte())
	text := r.take(n)
	if mark != termsMark {
		return
	}
	if len(text) != termsLen || text[2]&^knownTerms != 0 {
		r.bad = true
		return
	}
	t.Made = binary.BigEndian.Uint16(text)
	t.CallerNAT, t.CalleeNAT = text[2]&callerNAT != 0, text[2]&calleeNAT != 0
	r.bad = r.bad || t.Made == 0
}
