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
	return ViaTranslated(via, from)
}

// ViaTranslated reports whether a request's topmost Via names another address than
// it came from.
func ViaTranslated(via *wire.Via, from netip.Addr) bool {
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

// callerWay is where requests within the dialog that r begins go to its caller, and
// whether over that flow alone, as the caller is behind NAT and itself the one that r
// came from.
func (r *Request) callerWay() (way flow.Flow, nat bool) {
	switch from := r.From.Remote.Addr(); {
	case !r.Message.Has(wire.HeaderRecordRoute) && Translated(r.Message, r.Via, from):
		return r.From, true
	case ViaTranslated(r.Via, from):
		return r.From, false
	}
	return r.Back, false
}
