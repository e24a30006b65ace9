package forward

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// hopParam is the Via parameter that proves where the response goes from here.
const hopParam = "h"

// appendVia appends the value of our Via (RFC 3261 16.6 step 8). back is where
// responses go from here.
func (n *Names) appendVia(dst []byte, branch token.Branch, owner Owner, back netip.AddrPort) []byte {
	dst = n.keys.AppendBranch(append(dst, n.via...), branch)
	dst = owner.append(append(dst, ownerParam...))
	dst = append(dst, ";"+hopParam+"="...)
	return n.keys.AppendHop(dst, branch.Tx, back)
}

// HasHop reports whether a Via of ours still has what IsHop reads.
func HasHop(v *wire.Via) bool {
	_, has := v.Param(hopParam)
	return has
}

// IsHop reports whether a Via of ours proves that responses to its transaction go
// to an address.
func (n *Names) IsHop(v *wire.Via, tx token.TxID, to netip.AddrPort) bool {
	hop, _ := v.Param(hopParam)
	return n.keys.IsHop(hop, tx, to)
}
