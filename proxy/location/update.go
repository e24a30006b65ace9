package location

import (
	"cmp"

	"github.com/sipring/sipring/proxy/flow"
)

// Update is what one REGISTER asks for (RFC 3261 section 10.3 steps 6 to 8). Its slices are views that must stay valid
// while Store.Apply runs, or, in a cluster.RegisterOp, until the operation is done.
type Update struct {
	// AOR is the canonical address-of-record.
	AOR []byte
	// CallID and CSeq of the REGISTER.
	CallID []byte
	CSeq   uint32
	// Fingerprint is the same for retransmissions of a REGISTER and hardly ever for two requests: a hash of the branch of
	// its topmost Via. 0 if there is none that is unique.
	Fingerprint uint32
	// Star is "Contact: *" with "Expires: 0": remove every binding. Contacts must be empty.
	Star bool
	// Contacts to bind or remove. None, and no Star, is a fetch: nothing changes.
	Contacts []ContactUpdate
	// Path is the value of the Path header fields (RFC 3327), comma-separated.
	Path []byte
	// Flow is what requests for the contacts go over: what the REGISTER came over. It has no Remote where they go to the
	// contact's own address.
	Flow flow.Flow
	// Claim is that the far end of Flow, a UDP flow behind a NAT, has sent to its Owner: the bindings over that flow that
	// have the owner From are reached by way of the new one from now on. Nothing else of them changes. Such an update has no
	// Contacts, so that a version that knows of no claims takes it for a fetch.
	Claim bool
	// From is the owner that a claim takes the flow from: another one is not replaced.
	From Owner
	// Source stands for where the REGISTER came from: an IPv4 address or an IPv6 /64 (limit.Source). A source has a share of
	// the room (Limits.Budget), but 0 is without bound.
	Source uint64
	// Shared: other domains than the AOR's are served too, so a domain has a share of the room.
	Shared bool
	// Proof is what the phone proved who it is with. Zero: nothing was proved, or need be.
	Proof Proof
}

// Owner is a member in one of its lives.
type Owner struct{ ID, Life uint32 }

// ContactUpdate is one contact of a REGISTER.
type ContactUpdate struct {
	// URI without angle brackets; Params further parameters to echo, each with its leading semicolon.
	URI, Params []byte
	// Instance is the value of +sip.instance without quotes, RegID the reg-id; empty and 0 if there was none.
	Instance []byte
	RegID    uint32
	// Q is the preference in thousandths, 0 to 1000.
	Q uint16
	// Expires is the granted lifetime in seconds, at most MaxExpires; 0 removes the binding.
	Expires uint32
}

// Fetch reports whether the update only asks for the current bindings.
func (u *Update) Fetch() bool { return !u.Star && len(u.Contacts) == 0 && !u.Claim }

// MaxExpires is the longest lifetime that can be granted, in seconds: a week.
const MaxExpires = 7 * 24 * 3600

// maxUpdateContacts is the most contacts of one update.
const maxUpdateContacts = 512

// maxTexts is the most bytes of the URI, the parameters, the instance, the Call-ID and the Path of a contact together.
const maxTexts = 1024

// Valid reports whether every part of u is of a size that can be stored and sent to another member. Store.Apply answers 400
// to what is not.
func (u *Update) Valid() bool {
	if len(u.AOR) == 0 || len(u.AOR) > MaxAOR || len(u.CallID)+len(u.Path) > maxTexts || len(u.Contacts) > maxUpdateContacts {
		return false
	}
	if u.Claim && (u.Star || len(u.Contacts) > 0 || !u.Flow.IsOwnedUDP() || !MayOwn(u.Flow.Owner, u.Flow.Life)) {
		return false
	}
	if u.Star {
		return len(u.Contacts) == 0 && len(markerPrefix)+2*len(u.CallID) <= maxTexts
	}
	for i := range u.Contacts {
		c := &u.Contacts[i]
		texts := len(c.URI) + len(c.Params) + len(c.Instance) + len(u.CallID) + len(u.Path)
		if len(c.URI) == 0 || c.URI[0] <= markerPrefix[0] || texts > maxTexts || c.Q > MaxQ || c.Expires > MaxExpires {
			return false
		}
	}
	return true
}

// Limits bound what one AOR may hold, and what is known of it.
type Limits struct {
	// MaxContacts is the most live bindings of an AOR: the oldest make room for another. 0 means 10.
	MaxContacts int
	// Untold: there may have been REGISTERs of which nothing here tells, at members that are out of reach, or refused. So of
	// a Call-ID that is new here any lower CSeq may still be on its way.
	Untold bool
	// Room is what there is room for at those who are to hold the AOR.
	Room Room
	// Budget is how many bytes the store may hold of which sources and domains have shares. 0 is without bound.
	Budget int
	// NonceLife is how long a nonce is good for, ms. 0 means 3,600,000. It says which nonces make room for others first, not
	// how long they are remembered.
	NonceLife int64
}

// Room is what bindings there is room for. The greater is the less.
type Room uint8

const (
	// RoomForAll is room for whatever may be bound.
	RoomForAll Room = iota
	// RoomForSome is room for all but who has its share of the budget, and of those some were lately refused.
	RoomForSome
	// RoomForKnown is none for an AOR of which there is no record.
	RoomForKnown
	// NoRoom is none for what makes a record larger. A refresh does not, nor does a removal by the phone that registered.
	NoRoom
)

func (l Limits) maxContacts() int { return cmp.Or(l.MaxContacts, 10) }

// Statuses of Result.
const (
	StatusOK          = 200
	StatusBadRequest  = 400
	StatusReplayed    = 401 // the nonce and count of the proof, or a later count, were used: 401 with a new nonce to the phone
	StatusForbidden   = 403 // more contacts in one request than there may be, or more bytes than a record may have
	StatusServerError = 500 // CSeq out of order (RFC 3261 section 10.3 steps 6 and 7)
	StatusUnavailable = 503
	StatusNoRoom      = 507 // 503 to the phone: Limits.Room
	StatusSourceFull  = 508 // 503 to the phone: the source has its share of Limits.Budget
	StatusDomainFull  = 509 // 503 to the phone: the domain has
)

// Result is the outcome of Store.Apply.
type Result struct {
	// Status is 200, 400, 401, 403, 500, 507, 508 or 509.
	Status int
	// Changed reports that bindings were written; they are those of Version Stamp. A retransmission changes nothing.
	Changed bool
	// Stamp is the version of what was written.
	Stamp Version
	// Replaced are the connections, and the UDP flows by way of one member, that bindings were reached over before, and none of the record is now: the phones are
	// back over other ones. Valid until the next Apply.
	Replaced []flow.Flow
}
