package transport

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// DefaultPort of SIP over UDP and TCP (RFC 3261 19.1.2).
const DefaultPort = 5060

// OverUDP reports whether a request for the URI may go over UDP, the only
// transport served: never what wants another one, or TLS (RFC 3263 4.1, RFC
// 5630 3.2), and no other scheme says where it leads.
func OverUDP(u *wire.URI) bool {
	if u.Scheme != wire.SchemeSIP {
		return false
	}
	name, _ := u.Param("transport")
	return len(name) == 0 || u.ParamIs("transport", "udp")
}

// URIDestination is where a request for the URI goes (RFC 3263 4): the maddr
// parameter or the host, and the URI's port or 5060. ok is false if that is
// nowhere. The URI is one that OverUDP allows.
func URIDestination(u *wire.URI) (to Destination, ok bool) {
	host := u.Host
	if maddr, has := u.Param("maddr"); has && len(maddr) > 0 {
		host = maddr
	}
	port := uint16(DefaultPort)
	if u.HasPort {
		port = u.Port
	}
	if a, literal := wire.HostAddr(host); literal {
		return Destination{Addr: netip.AddrPortFrom(a, port)}, true
	}
	var form [256]byte // of the Resolver's cache
	name := string(wire.CanonicalHost(form[:0], host))
	return Destination{Host: name, Addr: netip.AddrPortFrom(netip.Addr{}, port)}, name != ""
}

// ResponseDestination is where a response goes by the Via of the element it is
// for (RFC 3261 18.2.2, RFC 3581 4): received or the sent-by host, and the value
// of rport, the sent-by port or 5060. Without an IP literal ok is false.
//
// maddr is not obeyed: it would let whoever sends a request choose a third
// party for the response, and nobody multicasts requests to a proxy.
func ResponseDestination(v *wire.Via) (to netip.AddrPort, ok bool) {
	port := uint16(DefaultPort)
	if v.HasPort {
		port = v.Port
	}
	if p, _ := v.RPort(); p != 0 {
		port = p
	}
	host := v.Host
	if v.Received() != nil {
		host = v.Received()
	}
	a, ok := wire.HostAddr(host)
	return netip.AddrPortFrom(a, port), ok && port != 0
}

// ResponseFlow is where the response to a request goes that arrived over source
// with the top Via v: over the connection it came by, if there is one (RFC 3261
// 18.2.2), else to the source's address, at the source's port if the client asked
// for it with rport (RFC 3581 4), else at the sent-by port.
func ResponseFlow(v *wire.Via, source flow.Flow) flow.Flow {
	if _, has := v.RPort(); has || source.Transport.Reliable() {
		return source
	}
	port := uint16(DefaultPort)
	if v.HasPort && v.Port != 0 {
		port = v.Port
	}
	source.Remote = netip.AddrPortFrom(source.Remote.Addr(), port)
	return source
}
