package flow

// Transport is how SIP messages travel. The numbers are a contract between
// versions that run side by side.
type Transport uint8

// The transports (RFC 3261 18, RFC 7118 5).
const (
	UDP Transport = iota
	TCP
	TLS
	WS
	WSS
	// Local is the way to the application in the pod of the flow's Owner, whatever process
	// of the proxy runs there: its address is a loopback one. Only that member's own socket
	// makes such a flow, never what a message says. Over it go UDP or TCP, as is configured.
	Local
	// Transports is how many there are.
	Transports
)

// Known reports whether t is one of the transports.
func (t Transport) Known() bool { return t < Transports }

// Reliable reports whether what is sent arrives, in order, or the flow ends (RFC
// 3261 17): nothing is to be retransmitted. A Local flow does neither, even over TCP: it
// leads by way of another member, and goes on after a connection has ended.
func (t Transport) Reliable() bool { return t != UDP && t != Local }

// Secure reports whether nobody in between can read it, as a SIPS URI asks for
// (RFC 5630 3.1).
func (t Transport) Secure() bool { return t == TLS || t == WSS }

// String returns the name as it stands in a Via (RFC 3261 20.42), but of Local: there it is
// that of what goes over it.
func (t Transport) String() string {
	if !t.Known() {
		return "unknown"
	}
	return [...]string{UDP: "UDP", TCP: "TCP", TLS: "TLS", WS: "WS", WSS: "WSS", Local: "local"}[t]
}
