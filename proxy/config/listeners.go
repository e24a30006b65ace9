package config

import (
	"cmp"
	"net"
	"slices"
	"strconv"

	"github.com/sipring/sipring/proxy/flow"
)

// MaxListeners is the most listeners of a cluster.
const MaxListeners = 8

// maxListenerAddresses bounds what a member set says of listeners: a later version
// may have more of them.
const maxListenerAddresses = 64

// Protocols of listeners.
const (
	ProtocolUDP = "UDP"
	ProtocolTCP = "TCP"
	ProtocolTLS = "TLS"
	ProtocolWS  = "WS"
	ProtocolWSS = "WSS"
)

// Listener is a port at which every member of the cluster receives SIP.
type Listener struct {
	// Name is unique among the listeners, 1 to 63 characters.
	Name string `json:"name"`
	// Protocol is UDP, the default, TCP, TLS, WS or WSS.
	Protocol string `json:"protocol,omitempty"`
	// Port of every member, unique among the listeners of UDP, or among those of the other
	// protocols, all of which are carried by TCP. With the protocol it names the listener in
	// what members and versions tell each other, so the order of listeners may change. The
	// first one's is ports.sip. Default: DefaultPort.
	Port int `json:"port,omitempty"`
	// Advertise is the host or host:port that Via and Record-Route name for what goes
	// over this listener. A member set may override it. Default: for the first one
	// Config.Advertise, for others the first one's host; without a port: that of the
	// listener.
	Advertise string `json:"advertise,omitempty"`
	// TLS is how a listener of TLS or WSS, which need it, proves who it is.
	TLS *ListenerTLS `json:"tls,omitempty"`
	// WebSocket is what a listener of WS or WSS takes.
	WebSocket *ListenerWebSocket `json:"webSocket,omitempty"`
	// UDPFlows says by which members phones at a listener of UDP are reached: Auto, the
	// default, Owned or Any.
	UDPFlows string `json:"udpFlows,omitempty"`
	// ProxyProtocol are the prefixes, at most 64, of load balancers that begin each connection
	// to a listener of TCP, TLS, WS or WSS with a PROXY header, version 1 or 2. From anywhere
	// else none is taken.
	ProxyProtocol []string `json:"proxyProtocol,omitempty"`
}

// ListenerTLS is TLS of a listener.
type ListenerTLS struct {
	// Certificates are directories that have tls.crt and tls.key, 1 to 16. A client gets the
	// one for the name that it asks for (RFC 6066 3), the first if none is.
	Certificates []string `json:"certificates"`
	// MinVersion is 1.2, the default, or 1.3.
	MinVersion string `json:"minVersion,omitempty"`
	// ClientCA is a directory that has ca.crt: who signs certificates of clients.
	ClientCA string `json:"clientCA,omitempty"`
	// ClientAuth is None, the default, Optional or Require: whether a client has to have a
	// certificate by ClientCA. Whichever it shows must be one.
	ClientAuth string `json:"clientAuth,omitempty"`
	// ClientNames, at most 64, are whom clients' certificates may be of: a domain, as RFC 5922
	// 7.1 has a certificate name it, or a URI that it has. Empty: whomever ClientCA names.
	ClientNames []string `json:"clientNames,omitempty"`
}

// Values of Listener.UDPFlows.
const (
	// UDPFlowsAuto: a phone behind a NAT is reached by the member that its packets come to,
	// any other by all. Where members send from an address that they share: as Any.
	UDPFlowsAuto = "Auto"
	// UDPFlowsOwned: each phone is reached by the member that its packets come to.
	UDPFlowsOwned = "Owned"
	// UDPFlowsAny: all members reach every phone.
	UDPFlowsAny = "Any"
)

// Values of ListenerTLS.
const (
	MinVersion12 = "1.2"
	MinVersion13 = "1.3"

	ClientAuthNone     = "None"
	ClientAuthOptional = "Optional"
	ClientAuthRequire  = "Require"
)

// ListenerWebSocket is WebSocket of a listener (RFC 7118).
type ListenerWebSocket struct {
	// Path of the URL that clients ask for. Default "/".
	Path string `json:"path,omitempty"`
	// Origins, at most 64, are those of pages whose browsers may connect (RFC 6454 6.2), such
	// as https://phone.example.com. Empty: any. What is no browser has no origin.
	Origins []string `json:"origins,omitempty"`
}

// Transport is what flows of the listener go over.
func (l *Listener) Transport() flow.Transport {
	for t := range flow.Local { // of which there is no listener
		if l.Protocol == t.String() {
			return t
		}
	}
	return flow.UDP // as where none is given
}

// Equal says that both are the same in all that they have.
func (l *Listener) Equal(o *Listener) bool {
	return l.Name == o.Name && l.Protocol == o.Protocol && l.Port == o.Port && l.Advertise == o.Advertise && l.UDPFlows == o.UDPFlows &&
		l.TLS.Equal(o.TLS) && l.WebSocket.Equal(o.WebSocket) && slices.Equal(l.ProxyProtocol, o.ProxyProtocol)
}

// Equal says that both are the same. They may be nil.
func (t *ListenerTLS) Equal(o *ListenerTLS) bool {
	if t == nil || o == nil {
		return t == o
	}
	return slices.Equal(t.Certificates, o.Certificates) && t.MinVersion == o.MinVersion &&
		t.ClientCA == o.ClientCA && t.ClientAuth == o.ClientAuth && slices.Equal(t.ClientNames, o.ClientNames)
}

// Equal says that both are the same. They may be nil.
func (w *ListenerWebSocket) Equal(o *ListenerWebSocket) bool {
	if w == nil || o == nil {
		return w == o
	}
	return w.Path == o.Path && slices.Equal(w.Origins, o.Origins)
}

// DefaultPort is where a listener of a protocol is if it names no port: as RFC 3261 18.2
// has it, and of WebSocket 8080 and 8443. RFC 7118 5.2 has 80 and 443, which a process
// without privileges cannot bind everywhere.
func DefaultPort(protocol string) int {
	switch protocol {
	case ProtocolTLS:
		return DefaultSIPSPort
	case ProtocolWS:
		return DefaultWSPort
	case ProtocolWSS:
		return DefaultWSSPort
	}
	return DefaultSIPPort
}

// ListenerAddress is what a member set says of a listener: see Listener.
type ListenerAddress struct {
	Name      string `json:"name"`
	Advertise string `json:"advertise"`
}

// applyListenerDefaults fills in the listeners that are given, and ports.sip by the
// first of them.
func (c *Config) applyListenerDefaults() {
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Protocol == "" {
			l.Protocol = ProtocolUDP
		}
		if i == 0 {
			setDefault(&c.Ports.SIP, cmp.Or(l.Port, DefaultPort(l.Protocol)))
			setDefault(&l.Port, c.Ports.SIP)
		}
		setDefault(&l.Port, DefaultPort(l.Protocol))
		l.TLS.applyDefaults()
		l.applyWebSocketDefaults()
	}
}

func (t *ListenerTLS) applyDefaults() {
	if t == nil {
		return
	}
	t.MinVersion = cmp.Or(t.MinVersion, MinVersion12)
	t.ClientAuth = cmp.Or(t.ClientAuth, ClientAuthNone)
}

func (l *Listener) applyWebSocketDefaults() {
	if l.WebSocket == nil && (l.Protocol == ProtocolWS || l.Protocol == ProtocolWSS) {
		l.WebSocket = &ListenerWebSocket{}
	}
	if l.WebSocket != nil {
		l.WebSocket.Path = cmp.Or(l.WebSocket.Path, "/")
	}
}

// ListenersIn are the listeners, at least one, each with what it advertises where
// that member set is in force: empty where neither says. set may be nil.
func (c *Config) ListenersIn(set *MemberSet) []Listener {
	all := slices.Clone(c.Listeners)
	if len(all) == 0 {
		all = []Listener{{Protocol: ProtocolUDP, Port: c.Ports.SIP}}
	}
	all[0].Advertise = cmp.Or(set.advertised(all[0].Name), set.first(), all[0].Advertise, c.Advertise)
	host, _, err := SplitAdvertise(all[0].Advertise, 0)
	for i := range all[1:] {
		l := &all[1+i]
		if l.Advertise = cmp.Or(set.advertised(l.Name), l.Advertise); l.Advertise == "" && err == nil {
			l.Advertise = net.JoinHostPort(host, strconv.Itoa(l.Port))
		}
	}
	return all
}

// ListenerNumber is what flows name the listener at a port by (flow.Flow): the port, or
// 0 where there is no other listener, as flows had it before there could be one.
func (c *Config) ListenerNumber(port int) uint16 {
	if len(c.Listeners) < 2 {
		return 0
	}
	return uint16(port)
}

// first is what the set says of the first listener, which by this set may be another
// than by the configuration.
func (s *MemberSet) first() string {
	if s == nil {
		return ""
	}
	return s.Advertise
}

// advertised is what the set says of the listener of a name.
func (s *MemberSet) advertised(name string) string {
	if s == nil {
		return ""
	}
	for _, l := range s.Listeners {
		if l.Name == name {
			return l.Advertise
		}
	}
	return ""
}

// reloadListeners are the running listeners with what next advertises, if it has the
// same.
func reloadListeners(running, next []Listener) []Listener {
	same := func(a, b Listener) bool {
		a.Advertise = b.Advertise
		return a.Equal(&b)
	}
	if slices.EqualFunc(running, next, same) {
		return next
	}
	return running
}
