package transport

import (
	"net/netip"

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

// URIDestination is where a request for the URI goes over UDP (RFC 3263 4) when
// that needs no DNS: the maddr parameter or the host, if it is an IP literal,
// and the URI's port or 5060. Otherwise ok is false and name is the host name
// to resolve. The URI is one that OverUDP allows.
func URIDestination(u *wire.URI) (to netip.AddrPort, name []byte, ok bool) {
	host := u.Host
	if maddr, has := u.Param("maddr"); has && len(maddr) > 0 {
		host = maddr
	}
	port := uint16(DefaultPort)
	if u.HasPort {
		port = u.Port
	}
	if a, literal := wire.HostAddr(host); literal {
		return netip.AddrPortFrom(a, port), nil, port != 0
	}
	return netip.AddrPortFrom(netip.Addr{}, port), host, false
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

// SourceDestination is where the response to a request goes that arrived from
// source with the top Via v: the source's address, at the source's port if the
// client asked for it with rport (RFC 3581 4), else at the sent-by port.
func SourceDestination(v *wire.Via, source netip.AddrPort) netip.AddrPort {
	if _, has := v.RPort(); has {
		return source
	}
	port := uint16(DefaultPort)
	if v.HasPort && v.Port != 0 {
		port = v.Port
	}
	return netip.AddrPortFrom(source.Addr(), port)
}
