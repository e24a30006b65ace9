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
	// Transports is how many there are.
	Transports
)

// Known reports whether t is one of the transports.
func (t Transport) Known() bool { return t < Transports }

// Reliable reports whether what is sent arrives, in order, or the flow ends (RFC
// 3261 17): nothing is to be retransmitted.
func (t Transport) Reliable() bool { return t != UDP }

// Secure reports whether nobody in between can read it, as a SIPS URI asks for
// (RFC 5630 3.1).
func (t Transport) Secure() bool { return t == TLS || t == WSS }

// String returns the name as it stands in a Via (RFC 3261 20.42).
func (t Transport) String() string {
	if !t.Known() {
		return "unknown"
	}
	return [...]string{UDP: "UDP", TCP: "TCP", TLS: "TLS", WS: "WS", WSS: "WSS"}[t]
}
