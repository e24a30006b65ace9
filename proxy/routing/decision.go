package routing

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Action is what to do with a request.
type Action uint8

// The actions.
const (
	// Drop: nothing can be done and nobody answered; Why says the reason.
	Drop Action = iota
	// Reject: answer with Status, Reason and Extra.
	Reject
	// Options: answer an OPTIONS for the proxy itself with 200 and Extra.
	Options
	// Register: the registration in Update goes to its home.
	Register
	// Lookup: forward to the bindings of AOR.
	Lookup
	// InDialog: forward within a dialog, as Token says.
	InDialog
	// Contact: forward to the binding whose contact the Request-URI is, if there
	// is one; 404 if not.
	Contact
)

// String returns the action's name.
func (a Action) String() string {
	return [...]string{"drop", "reject", "options", "register", "lookup", "in-dialog", "contact"}[a]
}

// Decision is what Decide found. It is meant to be reused by one goroutine at a
// time: slices are views into the request or into the Decision, and hold until
// either changes.
type Decision struct {
	// From is what the request came over, Hour is token.Hour now, Now a clock in
	// milliseconds that does not fall, and Unix the milliseconds since 1970, for the
	// policies; the caller sets them before Decide. Done is called when a decision is
	// made that had to wait; the caller sets it once.
	From flow.Flow
	Hour uint16
	Now  int64
	Unix int64
	Done func()
	// Find looks up whether an address-of-record is bound where the request comes from,
	// and calls then, on any goroutine, also before it returns. The address-of-record must
	// not change until then. The caller sets it once.
	Find func(aor []byte, then func(Bound))

	// What policies of Checks say of the sender, if any does.
	Sender

	Action Action
	// Why is a short constant for logs and counters, in snake case.
	Why string
	// Status, Reason and Extra are the response of Reject and Options; Extra is
	// complete header lines.
	Status int
	Reason string
	Extra  []byte

	// AOR is canonical; set for Register and Lookup.
	AOR []byte
	// Update is the registration of Register. Its Flow is the caller's to set.
	Update location.Update
	// TellPath: the 200 to the REGISTER repeats its Path (RFC 3327 5.3).
	TellPath bool
	// TellGRUU: the 200 to the REGISTER has the GRUUs of who supports them (RFC 5627
	// 5.2).
	TellGRUU bool
	// Outbound: the REGISTER binds flows (RFC 5626 6), and its 200 has OutboundLines.
	Outbound bool
	// MayBeOutbound: it came over UDP, and has OutboundLinesUDP if the flow is bound.
	MayBeOutbound bool
	// Passes is how often the request has passed this cluster before, by its Vias.
	Passes int
	// OwnRoutes is how many of the topmost Route values are ours, to be removed.
	OwnRoutes int
	// RequestURI replaces the Request-URI if it is not nil: a strict router put
	// ours there (RFC 3261 16.4). The last Route value is then to be removed.
	RequestURI []byte
	// Token of InDialog, nil otherwise, and RecordRoute, the URI it came in.
	Token       *token.Token
	RecordRoute []byte
	// ToCallee: the request goes from the dialog's caller to its callee.
	ToCallee bool
	// NextRoute is the URI of the first Route value that is not ours, nil if
	// there is none. Only InDialog has one.
	NextRoute []byte
	// Loose: NextRoute has the lr parameter.
	Loose bool

	tokens   [2]token.Token // one is Token, the other is free to parse into
	aor      []byte
	to       []byte // the address-of-record in To: see Registered
	readTo   bool   // it has been looked for, and served says whether there is one
	served   bool
	lines    []byte // of Extra, of a decision that made them
	contacts []location.ContactUpdate
	params   []byte // echoed contact parameters
	path     []byte // of a REGISTER
	callee   Callee
	gruu     token.GRUU
	loop     loopScratch
	gathered bool // loop is of this request

	tables  *Tables
	request *wire.Message
	asked   int      // of the policies of tables
	uri     wire.URI // the Request-URI to route by
	signed  bool     // there is a token that verifies
	forged  bool     // a Route that names us has a user part that is no token of this call
}

// Sender is what is known of who sent a request, and what follows for what leaves. Its
// slices are reused: policies append to them from the start.
type Sender struct {
	// Identity is the canonical address-of-record of whoever sends, empty if nobody
	// says. Authenticated: it was proved by credentials, else a trusted source, or an
	// open domain, has it so.
	Identity      []byte
	Authenticated bool
	// Caller stands for the user whose call it begins, where those that are being set up
	// are counted; 0: they are not.
	Caller uint64
	// Proof is what the request was authenticated with. That of a REGISTER is used up at
	// the home of its address-of-record. Of another request it is at that of Account, an
	// address-of-record that stands for the user whomever the request says it is from, and
	// Copy is the same for all copies of the request and for nothing else.
	Proof   location.Proof
	Account []byte
	Copy    uint64
	// Doubtful: the request is an ACK or a CANCEL, which nobody can be asked to prove, and
	// any other request like it would have to be. Identity is then whom it claims to be
	// from, if that is a user here.
	Doubtful bool
	// Strip are the header lines that are not passed on, by their place in the request,
	// ascending.
	Strip []int
	// Assert is the P-Asserted-Identity that the request leaves with (RFC 3325 9.1),
	// empty for none.
	Assert []byte
	// Private: neither that identity nor one that came with the request is for whoever
	// Trusts does not have (RFC 3325 7).
	Private bool
	Trusts  func(netip.Addr) bool
	// Challenge is room for the header lines of a refusal.
	Challenge []byte
}

func (s *Sender) reset() {
	*s = Sender{Identity: s.Identity[:0], Account: s.Account[:0], Strip: s.Strip[:0], Assert: s.Assert[:0], Challenge: s.Challenge[:0]}
}

// loopScratch is reusable space for the fields of a loop hash.
type loopScratch struct {
	Fields token.LoopFields
	routes [][]byte
}

func (d *Decision) reset() {
	d.Action, d.Why, d.Status, d.Reason, d.Extra = Drop, "", 0, "", nil
	d.AOR, d.Passes, d.OwnRoutes, d.RequestURI, d.RecordRoute = nil, 0, 0, nil, nil
	d.Token, d.ToCallee, d.NextRoute, d.Loose = nil, false, nil, false
	d.Update = location.Update{}
	d.Sender.reset()
	d.gathered, d.signed, d.forged, d.TellPath, d.TellGRUU, d.Outbound, d.MayBeOutbound, d.asked = false, false, false, false, false, false, false, 0
	d.readTo, d.served = false, false
	d.callee = Callee{}
}

// decide says what to do.
func (d *Decision) decide(a Action, why string) Verdict {
	d.Action, d.Why = a, why
	return Decided
}

// Reject has the request answered with a failure and header lines, or dropped if it
// is an ACK, which is never answered (RFC 3261 17). why is as Decision.Why.
func (d *Decision) Reject(status int, reason, why string, lines []byte) Verdict {
	d.Extra = lines
	if d.request.Method() == wire.MethodAck {
		return d.decide(Drop, why)
	}
	d.Status, d.Reason = status, reason
	return d.decide(Reject, why)
}

// Silence has the request go nowhere, and nobody told. why is as Decision.Why.
func (d *Decision) Silence(why string) Verdict { return d.decide(Drop, why) }
