package location

import (
	"bytes"
	"cmp"

	"github.com/sipring/sipring/proxy/flow"
)

// MaxQ is the preference of a contact that names none: q=1 (RFC 3261 section 20.10), in thousandths.
const MaxQ = 1000

// Version orders the states of one binding. The greater Counter is the newer; Node, the member that wrote it, breaks
// ties. The zero Version is older than any other.
type Version struct {
	// Counter is at least the writer's clock in milliseconds and above every counter the writer had seen in the record.
	Counter uint64
	// Node is the ID of the member that ordered the update.
	Node uint32
}

// Compare returns -1, 0 or 1 as v is older than, the same as or newer than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Counter, w.Counter), cmp.Compare(v.Node, w.Node))
}

// Binding is one contact of an AOR: a view whose byte slices belong to the Record it was read from. Do not modify
// them, and copy what must outlive the record.
type Binding struct {
	// Contact is the URI as registered, without angle brackets.
	Contact []byte
	// Params are further contact parameters to echo in a 200, each with its leading semicolon; expires and q are not
	// among them.
	Params []byte
	// Instance is the value of +sip.instance, without quotes; empty if there was none.
	Instance []byte
	// CallID and CSeq are those of the REGISTER that last changed the binding (RFC 3261 section 10.3).
	CallID []byte
	CSeq   uint32
	// RegID is the reg-id of RFC 5626, 0 if there was none.
	RegID uint32
	// Q is the preference in thousandths, 0 to 1000.
	Q uint16
	// Path is the value of the Path header fields (RFC 3327), comma-separated; empty if there was none.
	Path []byte
	// Flow is what requests for the contact go over: what the REGISTER came over. It has no Remote where they go to the
	// contact's own address.
	Flow flow.Flow
	// Source is that of the REGISTER that wrote the binding, see Update; of a tombstone, that of what was removed.
	Source uint64
	// ExpiresAt is when the binding ends or was removed, in milliseconds on the clock of the member holding this copy.
	ExpiresAt int64
	// Linger is how many milliseconds after ExpiresAt the binding is remembered, though it is over: as long as an older
	// state of it, with more time to live, may be somewhere.
	Linger uint32
	// Version orders this state of the binding among others.
	Version Version
	// Deleted marks a tombstone: the binding was removed, at ExpiresAt. It keeps key, CallID, CSeq, Version and Linger.
	Deleted bool
	// Fingerprint tells requests of the same Call-ID and CSeq apart, see Update. 0 if unknown.
	Fingerprint uint32
	// Window says which lower CSeq may still be on their way; its period began Lead milliseconds before ExpiresAt.
	Window Window
	Lead   uint32
	// Removed is, of a tombstone, the request of the same Call-ID that wrote what was removed. Its Fingerprint is 0 if there
	// was none. In a record it takes the place of Flow.Conn.
	Removed Request
}

// Request tells one REGISTER from others of its Call-ID.
type Request struct {
	CSeq, Fingerprint uint32
}

// Live reports whether the binding may be used at now.
func (b *Binding) Live(now int64) bool { return !b.Deleted && b.ExpiresAt > now }

// endsAt is when the binding is forgotten.
func (b *Binding) endsAt() int64 { return b.ExpiresAt + int64(b.Linger) }

// copiesEnd is when no copy of b, nor of what it replaced, can be live any more. A margin is in the end of a tombstone, and
// in that of what lingers, already.
func (b *Binding) copiesEnd() int64 {
	if b.Deleted {
		return b.endsAt()
	}
	return max(b.endsAt(), b.ExpiresAt+lateness)
}

// lingerUntil has b, if it ends before what it replaces would have ended, remembered until the copies of that are over.
func (b *Binding) lingerUntil(copiesEnd int64) {
	if left := copiesEnd - b.ExpiresAt; left > max(lateness, int64(b.Linger)) {
		b.Linger = uint32(min(left, maxRemaining))
	}
}

// ExpiresIn returns the seconds left at now, rounded up; 0 if the binding is not live.
func (b *Binding) ExpiresIn(now int64) uint32 {
	if !b.Live(now) {
		return 0
	}
	return uint32((b.ExpiresAt - now + 999) / 1000)
}

// Outbound reports whether instance and reg-id are the key of the binding (RFC 5626 section 6), not its URI.
func (b *Binding) Outbound() bool { return b.RegID != 0 && len(b.Instance) > 0 }

// compareKey orders bindings by key; 0 means that they are states of the same binding.
func compareKey(a, b *Binding) int {
	switch ao, bo := a.Outbound(), b.Outbound(); {
	case ao != bo && ao:
		return 1
	case ao != bo:
		return -1
	case ao:
		return cmp.Or(bytes.Compare(a.Instance, b.Instance), cmp.Compare(a.RegID, b.RegID))
	}
	return bytes.Compare(a.Contact, b.Contact)
}
