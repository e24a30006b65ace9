package forward

import (
	"bytes"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// Translated reports whether a request came straight from a user agent whose Via
// names another address than its own: one behind NAT. The address alone decides:
// a port may differ because the agent listens on another one.
func Translated(m *wire.Message, via *wire.Via, from netip.Addr) bool {
	vias := 0
	for range m.Values(wire.HeaderVia) {
		if vias++; vias > 1 {
			return false
		}
	}
	host, literal := wire.HostAddr(via.Host)
	if !literal {
		return isInvalid(via.Host)
	}
	return host.Unmap() != from
}

// isInvalid reports whether a host name is of the domain that never resolves,
// as agents write it that cannot know their address (RFC 7118 5).
func isInvalid(host []byte) bool {
	var buf [256]byte
	return bytes.HasSuffix(wire.CanonicalHost(buf[:0], host), invalidDomain)
}

var invalidDomain = []byte(".invalid")

// callerFlow is where requests to the caller go if not to its Contact: what its
// request came over, if that came straight from it and from another address than
// it believes to have.
func (r *Request) callerFlow() flow.Flow {
	if r.Message.Has(wire.HeaderRecordRoute) || !Translated(r.Message, r.Via, r.From.Remote.Addr()) {
		return flow.Flow{}
	}
	return r.From
}
