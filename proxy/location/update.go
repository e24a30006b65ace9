package location

import "net/netip"

// Update is what one REGISTER asks for (RFC 3261 section 10.3 steps 6 to 8). Its slices are views that must stay valid
// while Apply runs, or, in a cluster.RegisterOp, until the operation is done.
type Update struct {
	// AOR is the canonical address-of-record.
	AOR []byte
	// CallID and CSeq of the REGISTER.
	CallID []byte
	CSeq   uint32
	// Star is "Contact: *" with "Expires: 0": remove every binding. Contacts must be empty.
	Star bool
	// Contacts to bind or remove. None, and no Star, is a fetch: nothing changes.
	Contacts []ContactUpdate
	// Path is the value of the Path header fields (RFC 3327), comma-separated.
	Path []byte
	// Received is the source of the REGISTER, Flow what it came over.
	Received netip.AddrPort
	Flow     Flow
}

// ContactUpdate is one contact of a REGISTER.
type ContactUpdate struct {
	// URI without angle brackets; Params further parameters to echo, each with its leading semicolon.
	URI, Params []byte
	// Instance is the value of +sip.instance without quotes, RegID the reg-id; empty and 0 if there was none.
	Instance []byte
	RegID    uint32
	// Q is the preference in thousandths, 0 to 1000.
	Q uint16
	// Expires is the granted lifetime in seconds; 0 removes the binding.
	Expires uint32
}

// Fetch reports whether the update only asks for the current bindings.
func (u *Update) Fetch() bool { return !u.Star && len(u.Contacts) == 0 }

// Limits bound what one AOR may hold.
type Limits struct {
	// MaxContacts is the most live bindings of an AOR. 0 means 10.
	MaxContacts int
}

// Statuses of Result.
const (
	StatusOK          = 200
	StatusBadRequest  = 400
	StatusForbidden   = 403 // too many contacts, or more bytes than a record may have
	StatusServerError = 500 // CSeq out of order (RFC 3261 section 10.3 steps 6 and 7)
	StatusUnavailable = 503
)

// Result is the outcome of Apply.
type Result struct {
	// Status is 200, 400, 403 or 500.
	Status int
	// Changed reports that bindings were written; they are those of Version Stamp. A retransmission changes nothing.
	Changed bool
	// Stamp is the version of what was written.
	Stamp Version
}
