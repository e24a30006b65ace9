package application

import (
	"bytes"
	"strconv"

	"github.com/sipring/sipring/proxy/location"
)

// A pin is a binding under an address-of-record that no phone has: "app:" and the one that is pinned. Its one contact is
// "app:" and the ID of the member to whose application new calls go.
//
// No request names such an address-of-record: what a registrar takes, looks up or is asked for by a person is a SIP URI
// or made one of (routing.Tables.AppendAOR), and begins "sip:". Nor is the contact found by a call for a contact, as that
// index has none but SIP and SIPS URIs (wire.HashURI).
//
// The binding has one key whoever writes it (RFC 5626 6), so that the pin of another member takes the place of the one
// before it, and of two that were written apart the newer stays. It is replicated, handed over and forgotten as any
// other. It is of no source and within no share of a domain, and no binding in metrics and status, but counts among the
// bytes of its domain: one for each address-of-record that has calls at an application, at most MaxAORs of each member.
// Where there is no room for a new address-of-record there is none for a pin.
const (
	pinScheme   = location.OwnScheme
	pinInstance = "application"
	pinRegID    = 1
)

// AppendPinAOR appends the address-of-record of the pin of another one.
func AppendPinAOR(dst, aor []byte) []byte { return append(append(dst, pinScheme...), aor...) }

// IsPin reports whether an address-of-record is that of a pin.
func IsPin(aor []byte) bool { return bytes.HasPrefix(aor, []byte(pinScheme)) }

// CutPin returns the address-of-record that is pinned, false for what is no pin's.
func CutPin(aor []byte) (pinned []byte, ok bool) {
	pinned, ok = bytes.CutPrefix(aor, []byte(pinScheme))
	return pinned, ok && len(pinned) > 0
}

// AppendPinContact appends the contact that stands for the application of a member.
func AppendPinContact(dst []byte, member uint32) []byte {
	return strconv.AppendUint(append(dst, pinScheme...), uint64(member), 10)
}

// ParsePinContact reads the member of a contact. It takes what AppendPinContact writes for a member, and nothing else.
func ParsePinContact(contact []byte) (member uint32, ok bool) {
	digits, ok := bytes.CutPrefix(contact, []byte(pinScheme))
	if !ok || len(digits) == 0 || digits[0] < '1' || digits[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 32)
	return uint32(n), err == nil
}

// Pinned returns the member that a record of a pin names at now: that of the newest of its bindings.
func Pinned(r location.Record, now int64) (member uint32, ok bool) {
	member, _, ok = PinnedUntil(r, now)
	return member, ok
}

// PinnedUntil is Pinned, and returns until when.
func PinnedUntil(r location.Record, now int64) (member uint32, until int64, ok bool) {
	var newest location.Version
	for b := range r.Live(now) {
		if id, is := ParsePinContact(b.Contact); is && (!ok || b.Version.Compare(newest) > 0) {
			member, until, newest, ok = id, b.ExpiresAt, b.Version, true
		}
	}
	return member, until, ok
}

// PinUpdate makes the updates by which one process of a proxy pins addresses-of-record to its application. Not safe for
// concurrent use: each is for one operation at a time.
type PinUpdate struct {
	aor, contact, callID []byte
	contacts             [1]location.ContactUpdate
}

// Update is the one that pins an address-of-record to a member's application for so many seconds, or with 0 no longer. It
// is p's, and valid until the next. cseq is greater than that of any update of the life before.
func (p *PinUpdate) Update(aor []byte, member, life, cseq, seconds uint32) location.Update {
	p.aor = AppendPinAOR(p.aor[:0], aor)
	p.contact = AppendPinContact(p.contact[:0], member)
	p.callID = strconv.AppendUint(append(strconv.AppendUint(p.callID[:0], uint64(member), 10), '-'), uint64(life), 10)
	p.contacts[0] = location.ContactUpdate{
		URI: p.contact, Instance: []byte(pinInstance), RegID: pinRegID, Q: location.MaxQ, Expires: min(seconds, location.MaxExpires),
	}
	return location.Update{AOR: p.aor, CallID: p.callID, CSeq: cseq, Contacts: p.contacts[:]}
}

// Renewal is Update by the process of another member, which has found that a pin is about to end.
func (p *PinUpdate) Renewal(aor []byte, member, by, life, cseq, seconds uint32) location.Update {
	u := p.Update(aor, member, life, cseq, seconds)
	p.callID = strconv.AppendUint(append(p.callID, "-by-"...), uint64(by), 10)
	u.CallID = p.callID
	return u
}
