package forward

import (
	"net/netip"
	"strconv"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// hopParam is the Via parameter that proves where the response goes from here.
const hopParam = "h"

// listenerParam is the Via parameter with the listener by which the response leaves
// (RFC 3261 18.2.2, RFC 3581 4), where it is not a cluster's only one.
const listenerParam = "l"

// appendVia appends the value of our Via (RFC 3261 16.6 step 8) in what leaves over a
// flow. back is what responses go over from here, breadth what the branch has of
// the request's (RFC 5393 5.3.3).
func (n *Names) appendVia(dst []byte, next flow.Flow, branch token.Branch, owner Owner, back flow.Flow, breadth int) []byte {
	dst = n.keys.AppendBranch(append(dst, n.of(next).via...), branch)
	dst = owner.append(append(dst, ownerParam...))
	dst = append(dst, ";"+hopParam+"="...)
	dst = n.keys.AppendHop(dst, branch.Tx, hopOf(back), breadth)
	if back.Listener == 0 || back.Transport.Reliable() { // a connection is its own way back
		return dst
	}
	return strconv.AppendUint(append(dst, ";"+listenerParam+"="...), uint64(back.Listener), 10)
}

// hopOf is what proves the way back: of an application an address that no other has, as its
// own is one in every pod.
func hopOf(back flow.Flow) netip.AddrPort {
	if back.Transport == flow.Local {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), back.Remote.Port())
	}
	return back.Remote
}

// LocalHop reports whether a Via of ours proves that its request came from the application
// beside its owner, by a port.
func (n *Names) LocalHop(v *wire.Via, tx token.TxID, port uint16) bool {
	_, ok := n.Hop(v, tx, hopOf(flow.ToLocal(1, port)))
	return ok
}

// ListenerOf reads from a Via of ours the listener by which the response leaves, if
// it is there. Nothing proves it: whoever alters it has the response to its own
// request leave by another port.
func ListenerOf(v *wire.Via) (listener uint16, named bool) {
	p, _ := v.Param(listenerParam)
	if len(p) > 5 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p), 10, 16)
	return uint16(n), err == nil
}

// HasHop reports whether a Via of ours still has what Hop reads.
func HasHop(v *wire.Via) bool {
	_, has := v.Param(hopParam)
	return has
}

// Hop reports whether a Via of ours proves that responses to its transaction go to
// an address, and returns the breadth that its branch was given.
func (n *Names) Hop(v *wire.Via, tx token.TxID, to netip.AddrPort) (breadth int, ok bool) {
	hop, _ := v.Param(hopParam)
	return n.keys.ParseHop(hop, tx, to)
}
