package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Bounds of a listener.
const (
	// MaxCertificates is the most certificates of a listener.
	MaxCertificates = 16
	// MaxClientNames is the most names of clients of a listener.
	MaxClientNames = 64
	// MaxOrigins is the most origins of a listener.
	MaxOrigins = 64
	// MaxProxyProtocol is the most prefixes that a listener takes PROXY headers from.
	MaxProxyProtocol = 64
	// MaxWebSocketPath is the longest path of a WebSocket, in bytes.
	MaxWebSocketPath = 255

	maxClientName = 255 // bytes
	maxOrigin     = 255 // bytes
)

// portsTaken are ports and what has each. A port of UDP is another than that of TCP.
type portsTaken struct{ udp, tcp map[int]string }

// take tells bad a port that is none, or that another has.
func (t *portsTaken) take(udp bool, port int, name, field string, bad func(field, format string, args ...any)) {
	taken := t.tcp
	if udp {
		taken = t.udp
	}
	switch {
	case port < 1 || port > 65535:
		bad(field, "%d is not a port", port)
	case taken[port] != "":
		bad(field, "port %d is already %s", port, taken[port])
	default:
		taken[port] = name
	}
}

// validatePorts looks at all ports, and at the listeners.
func (c *Config) validatePorts(bad func(field, format string, args ...any)) {
	taken := &portsTaken{udp: map[int]string{}, tcp: map[int]string{}}
	taken.take(c.ListenersIn(nil)[0].overUDP(), c.Ports.SIP, "ports.sip", "ports.sip", bad)
	taken.take(false, c.Ports.Peer, "ports.peer", "ports.peer", bad)
	taken.take(false, c.Ports.Health, "ports.health", "ports.health", bad)
	taken.take(false, c.Ports.Admin, "ports.admin", "ports.admin", bad)
	c.validateListeners(bad, taken)
}

// validateListeners takes the ports that others have.
func (c *Config) validateListeners(bad func(field, format string, args ...any), taken *portsTaken) {
	if len(c.Listeners) > MaxListeners {
		bad("listeners", "%d of them, at most %d", len(c.Listeners), MaxListeners)
		return
	}
	names := map[string]bool{}
	for i := range c.Listeners {
		l, field := &c.Listeners[i], fmt.Sprintf("listeners[%d]", i)
		switch {
		case l.Name == "" || len(l.Name) > 63:
			bad(field+".name", "must have 1 to 63 characters")
		case names[l.Name]:
			bad(field+".name", "%q is there twice", l.Name)
		}
		names[l.Name] = true
		switch {
		case i > 0:
			taken.take(l.overUDP(), l.Port, field, field+".port", bad)
		case l.Port < 1 || l.Port > 65535:
			bad(field+".port", "%d is not a port", l.Port)
		case l.Port != c.Ports.SIP:
			bad(field+".port", "the first listener has port %d, and ports.sip is %d", l.Port, c.Ports.SIP)
		}
		if l.Advertise != "" {
			if _, _, err := SplitAdvertise(l.Advertise, l.Port); err != nil {
				bad(field+".advertise", "%v", err)
			}
		}
		l.validateProtocol(func(name, format string, args ...any) { bad(field+"."+name, format, args...) })
	}
}

func (l *Listener) overUDP() bool { return l.Protocol == "" || l.Protocol == ProtocolUDP }

// validateProtocol looks at what belongs to the protocol, and at what does not.
func (l *Listener) validateProtocol(bad func(name, format string, args ...any)) {
	encrypted, webSocket := false, false
	switch l.Protocol {
	case ProtocolUDP, ProtocolTCP:
	case ProtocolTLS:
		encrypted = true
	case ProtocolWS:
		webSocket = true
	case ProtocolWSS:
		encrypted, webSocket = true, true
	default:
		bad("protocol", "%q is not served, UDP, TCP, TLS, WS and WSS are", l.Protocol)
		return
	}
	switch {
	case encrypted && l.TLS == nil:
		bad("tls", "is missing: %s needs a certificate", l.Protocol)
	case !encrypted && l.TLS != nil:
		bad("tls", "protocol %s has none: TLS and WSS have", l.Protocol)
	case encrypted:
		l.TLS.validate(bad)
	}
	switch {
	case !webSocket && l.WebSocket != nil:
		bad("webSocket", "protocol %s has none: WS and WSS have", l.Protocol)
	case l.WebSocket != nil:
		l.WebSocket.validate(bad)
	}
	switch l.UDPFlows {
	case "", UDPFlowsAuto, UDPFlowsOwned, UDPFlowsAny:
		if l.UDPFlows != "" && !l.overUDP() {
			bad("udpFlows", "protocol %s has none: UDP has", l.Protocol)
		}
	default:
		bad("udpFlows", "%q is none of Auto, Owned and Any", l.UDPFlows)
	}
	if len(l.ProxyProtocol) > 0 && l.overUDP() {
		bad("proxyProtocol", "protocol UDP has none: those carried by TCP have")
	}
	if len(l.ProxyProtocol) > MaxProxyProtocol {
		bad("proxyProtocol", "%d of them, at most %d", len(l.ProxyProtocol), MaxProxyProtocol)
		return
	}
	if _, err := l.ProxyFrom(); err != nil {
		bad("proxyProtocol", "%v", err)
	}
}

// ProxyFrom are the prefixes of ProxyProtocol; Validate has found them in order.
func (l *Listener) ProxyFrom() ([]netip.Prefix, error) { return parsePrefixes(l.ProxyProtocol) }

func (t *ListenerTLS) validate(bad func(name, format string, args ...any)) {
	switch n := len(t.Certificates); {
	case n == 0:
		bad("tls.certificates", "there must be one at least")
	case n > MaxCertificates:
		bad("tls.certificates", "%d of them, at most %d", n, MaxCertificates)
	}
	for i, dir := range t.Certificates {
		switch {
		case dir == "":
			bad(fmt.Sprintf("tls.certificates[%d]", i), "an empty name")
		case slices.Contains(t.Certificates[:i], dir):
			bad(fmt.Sprintf("tls.certificates[%d]", i), "%q is there twice", dir)
		}
	}
	if t.MinVersion != MinVersion12 && t.MinVersion != MinVersion13 {
		bad("tls.minVersion", "%q is not %s or %s", t.MinVersion, MinVersion12, MinVersion13)
	}
	switch t.ClientAuth {
	case ClientAuthNone:
		if t.ClientCA != "" || len(t.ClientNames) > 0 {
			bad("tls.clientAuth", "no client is asked for a certificate, and clientCA or clientNames is given: set Optional or Require")
		}
	case ClientAuthOptional, ClientAuthRequire:
		if t.ClientCA == "" {
			bad("tls.clientCA", "is missing: clientAuth %s needs it", t.ClientAuth)
		}
	default:
		bad("tls.clientAuth", "%q is not None, Optional or Require", t.ClientAuth)
	}
	t.validateNames(bad)
}

func (t *ListenerTLS) validateNames(bad func(name, format string, args ...any)) {
	if len(t.ClientNames) > MaxClientNames {
		bad("tls.clientNames", "%d of them, at most %d", len(t.ClientNames), MaxClientNames)
		return
	}
	for i, name := range t.ClientNames {
		if !isClientName(name) {
			bad(fmt.Sprintf("tls.clientNames[%d]", i), "%q is not a domain such as example.com, nor a URI such as sip:trunk@example.com", name)
		}
	}
}

// isClientName: a domain without a wildcard (RFC 5922 7.2), or a URI.
func isClientName(name string) bool {
	if name == "" || len(name) > maxClientName {
		return false
	}
	if strings.Contains(name, ":") {
		u, err := url.Parse(name)
		port := err == nil && u.Opaque != "" && strings.Trim(u.Opaque, "0123456789") == "" // of a domain, which has none
		return err == nil && !port && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
	}
	return isHost(name) && !strings.Contains(name, "*")
}

func (w *ListenerWebSocket) validate(bad func(name, format string, args ...any)) {
	if !isPath(w.Path) {
		bad("webSocket.path", "%q is not a path such as /ws, of at most %d bytes", w.Path, MaxWebSocketPath)
	}
	if len(w.Origins) > MaxOrigins {
		bad("webSocket.origins", "%d of them, at most %d", len(w.Origins), MaxOrigins)
		return
	}
	for i, o := range w.Origins {
		if !isOrigin(o) {
			bad(fmt.Sprintf("webSocket.origins[%d]", i), "%q is not the origin of a page, such as https://phone.example.com", o)
		}
	}
}

// isPath: what stands in a request line, without a query.
func isPath(s string) bool {
	invisible := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	return strings.HasPrefix(s, "/") && len(s) <= MaxWebSocketPath && !strings.ContainsAny(s, "?#") && strings.IndexFunc(s, invisible) < 0
}

// isOrigin: scheme, host and perhaps a port, as browsers write them (RFC 6454 6.2).
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxOrigin && u.Scheme != "" && u.Hostname() != "" && isHost(u.Host) &&
		s == u.Scheme+"://"+u.Host && s == strings.ToLower(s)
}
