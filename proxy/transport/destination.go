package transport

import (
	"bytes"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/resolve"
	"github.com/sipring/sipring/proxy/wire"
)

// Default ports (RFC 3261 19.1.2): of SIP over UDP and TCP, and over TLS.
const (
	DefaultPort    = 5060
	DefaultTLSPort = 5061
)

// Of is the transport that a request for the URI goes over (RFC 3263 4.1): what the
// transport parameter names, else UDP, or for a name without a port what DNS has and is
// served, and of a SIPS URI that with TLS below it, never
// less (RFC 3261 26.2.2, RFC 5630 3.1.4, RFC 7118 5.2.2). ok is false where that is not
// served, and for other schemes, which do not say where they lead.
func Of(u *wire.URI, served func(flow.Transport) bool) (t flow.Transport, ok bool) {
	name, _ := u.Param("transport")
	switch {
	case u.Scheme == wire.SchemeSIPS:
		t, ok = secured(u, len(name) == 0)
	case u.Scheme == wire.SchemeSIP && len(name) == 0:
		t, ok = unnamed(u, served), true
	case u.Scheme == wire.SchemeSIP:
		t, ok = named(u)
	}
	return t, ok && served(t)
}

// unnamed is the transport of a SIP URI that names none: UDP, or where that is not served
// the first that is and may be chosen for a name.
func unnamed(u *wire.URI, served func(flow.Transport) bool) flow.Transport {
	if !u.HasPort && !served(flow.UDP) {
		if _, literal := wire.HostAddr(target(u)); !literal {
			for _, t := range [...]flow.Transport{flow.TCP, flow.TLS} {
				if served(t) {
					return t
				}
			}
		}
	}
	return flow.UDP
}

// target is the host that a request for the URI goes to (RFC 3263 4: TARGET).
func target(u *wire.URI) []byte {
	if maddr, has := u.Param("maddr"); has && len(maddr) > 0 {
		return maddr
	}
	return u.Host
}

// secured is the transport of a SIPS URI, whose parameter says what is below TLS. The
// names of RFC 2543 and of what never was registered, tls and wss, are understood.
func secured(u *wire.URI, none bool) (t flow.Transport, ok bool) {
	switch {
	case none, u.ParamIs("transport", "tcp"), u.ParamIs("transport", "tls"):
		return flow.TLS, true
	case u.ParamIs("transport", "ws"), u.ParamIs("transport", "wss"):
		return flow.WSS, true
	}
	return 0, false
}

// transports are the values of the parameter. No URI names an application's.
var transports = [flow.Local]string{flow.UDP: "udp", flow.TCP: "tcp", flow.TLS: "tls", flow.WS: "ws", flow.WSS: "wss"}

func named(u *wire.URI) (t flow.Transport, ok bool) {
	for t, name := range transports {
		if u.ParamIs("transport", name) {
			return flow.Transport(t), true
		}
	}
	return 0, false
}

// URIDestination is where a request for the URI goes over a transport (RFC 3263 4):
// the maddr parameter or the host, and the URI's port or the transport's. ok is false
// if that is nowhere. A far end of WebSocket is never called, it calls (RFC 7118 3).
// Of a name, what the URI leaves open is found in DNS. Who answers at TLS has to be the
// host (RFC 5922 4), whatever DNS has for it.
func URIDestination(u *wire.URI, t flow.Transport) (to Destination, ok bool) {
	host := target(u)
	port := uint16(DefaultPort)
	switch {
	case u.HasPort:
		port = u.Port
	case t == flow.TLS:
		port = DefaultTLSPort
	}
	to.Transport = t
	if t == flow.TLS {
		to.ServerName = serverName(u)
	}
	if a, literal := wire.HostAddr(host); literal {
		to.Addr = netip.AddrPortFrom(a, port)
		return to, t != flow.WS && t != flow.WSS
	}
	var form [256]byte // of the Resolver's cache
	to.Host, to.By = string(wire.CanonicalHost(form[:0], host)), foundBy(u)
	if to.By == resolve.Rules { // which may have it go over TLS
		to.ServerName = serverName(u)
	}
	to.Addr = netip.AddrPortFrom(netip.Addr{}, port)
	return to, to.Host != "" && t != flow.WS && t != flow.WSS && !IsInvalid(host)
}

// foundBy says what is to be found in DNS for a URI with a name (RFC 3263 4.1, 4.2).
func foundBy(u *wire.URI) resolve.By {
	name, _ := u.Param("transport")
	switch {
	case u.HasPort:
		return resolve.Addresses
	case len(name) > 0:
		return resolve.Services
	}
	return resolve.Rules
}

// Name is what is looked up for the destination of a Host.
func (to *Destination) Name() resolve.Name {
	name := resolve.Name{Host: to.Host, By: to.By}
	switch {
	case to.By == resolve.Services:
		name.Over = to.Transport
	case to.By == resolve.Rules && to.Transport == flow.TLS:
		name.Over = flow.TLS
	}
	return name
}

// serverName is the host that a URI names, whatever leads to it; empty of an address.
func serverName(u *wire.URI) string {
	if _, literal := wire.HostAddr(u.Host); literal {
		return ""
	}
	var form [256]byte
	return string(wire.CanonicalHost(form[:0], u.Host))
}

// IsInvalid reports whether a host name is of the domain that never resolves (RFC
// 2606 2), as agents write it that cannot know their address (RFC 7118 5).
func IsInvalid(host []byte) bool {
	var form [256]byte
	return bytes.HasSuffix(wire.CanonicalHost(form[:0], host), invalidDomain)
}

var invalidDomain = []byte(".invalid")

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
