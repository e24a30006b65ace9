package forward

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// hopParam is the Via parameter that proves where the response goes from here.
const hopParam = "h"

// appendVia appends the value of our Via (RFC 3261 16.6 step 8). back is where
// responses go from here, breadth what the branch has of the request's (RFC 5393
// 5.3.3).
func (n *Names) appendVia(dst []byte, branch token.Branch, owner Owner, back netip.AddrPort, breadth int) []byte {
	dst = n.keys.AppendBranch(append(dst, n.via...), branch)
	dst = owner.append(append(dst, ownerParam...))
	dst = append(dst, ";"+hopParam+"="...)
	return n.keys.AppendHop(dst, branch.Tx, back, breadth)
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
