package targets

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// Target is one place a request goes to.
type Target struct {
	// URI is the Request-URI that it gets; nil: as it came.
	URI []byte
	// Path is the Route values that come before those of the request (RFC 3327).
	Path []byte
	// Strict is the URI of the next hop, if that is a strict router.
	Strict []byte
	// To is the next hop, Next the flow to it once that is found, and Failed says
	// that there is none.
	To     transport.Destination
	Next   flow.Flow
	Failed bool
	// OrUDP: where it cannot be reached over TCP, it is over UDP: see PreferTCP.
	OrUDP bool
	// Held is the callee's flow, where it is not its contact's address. A connection is
	// the only way there is.
	Held flow.Flow
	// AOR is whose binding it is, nil of none.
	AOR []byte
	// Instance is a hash of the phone that the target is a way to, 0 if it did not say
	// which, and Group a number of that phone as one of AOR: its flows are tried one after
	// the other (RFC 5626 5.3). Who has said to be a phone of another address-of-record is
	// another phone, or another line of it.
	Instance, Group uint64
	// Last: it is tried when no other target of an INVITE has taken the call.
	Last bool
	// Breadth is its Max-Breadth (RFC 5393 5.3.3).
	Breadth int

	found    bool   // To is a place that DNS has for the host of its URI
	open     bool   // To is of a URI that leaves the transport open
	regID    uint32 // of the binding (RFC 5626 4.2)
	ours     bool   // URI is an address-of-record of ours, whose bindings take its place
	fromSIPS bool   // the contact is a SIPS URI, and URI the SIP one of it
	depth    uint8
	kept     bool // its bytes are the Chain's, not a record's
	newness  location.Version
	way      int // its place among the targets that are tried at a time
}

// AppendName appends what tells a target from the others of a fork, the same on
// every pod: its URI, which is requestURI if it has none, and its flow and path. A phone
// with a connection keeps its name when it has another: what it is sent again over that
// is a retransmission to it, and no second request (RFC 3261 8.2.2.2).
func (t *Target) AppendName(dst, requestURI []byte) []byte {
	switch {
	case t.Held.Conn != 0 && t.Instance != 0:
		dst = binary.BigEndian.AppendUint64(append(append(dst, t.AOR...), ' '), t.Instance)
		dst = binary.BigEndian.AppendUint32(dst, t.regID)
	case t.URI != nil:
		dst = append(dst, t.URI...)
	default:
		dst = append(dst, requestURI...)
	}
	switch {
	case t.Held.Conn != 0:
		dst = append(dst, " held"...)
	case t.Held.IsValid():
		dst = flow.Append(append(dst, ' '), t.Held)
	}
	if t.Path != nil {
		dst = append(append(dst, ' '), t.Path...)
	}
	if t.found {
		dst = t.To.Addr.AppendTo(append(dst, ' ', '0'+byte(t.To.Transport)))
	}
	return dst
}

// SetPlace has the target go to an address that DNS has for the host of its URI, where it
// is another target than at every other one.
func (t *Target) SetPlace(a netip.AddrPort) { t.To.Addr, t.found = a, true }

// MakeGroup has copies of the target tried one after the other, as the flows to one phone
// are, if it is not in a Group of these anyway.
func (t *Target) MakeGroup() {
	if t.Group == 0 {
		t.Group = max(xxhash.Sum64(t.URI)+31*xxhash.Sum64String(t.To.Host), applicationGroup+1)
	}
}

// Reachable drops the targets that have no flow, in place.
func Reachable(list []Target) []Target {
	return slices.DeleteFunc(list, func(t Target) bool { return t.Failed || !t.Next.IsValid() })
}

// Way is where requests within the dialog that a request for the target begins go,
// and whether over that flow alone.
func (t *Target) Way() (way flow.Flow, nat bool) {
	if t.Held.IsValid() {
		return t.Held, true
	}
	return t.Next, false
}

// setFlow has the request go over the callee's own flow.
func (t *Target) setFlow(f flow.Flow) {
	t.To, t.Held = transport.Destination{Transport: f.Transport, Listener: f.Listener, Addr: f.Remote}, f
	t.open = false
}

// setURI has the request go where a URI leads over a transport, by the listener that
// the far end knows.
func (t *Target) setURI(uri *wire.URI, over flow.Transport, listener uint16) {
	to, ok := transport.URIDestination(uri, over)
	to.Listener = listener
	_, named := uri.Param("transport")
	t.To, t.Failed, t.open = to, !ok, over == flow.UDP && !named
}
