package resolve

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
)

// By says what of a URI is to be found in DNS, and so which records are asked for.
type By uint8

const (
	// Addresses is of a URI that has a port: A and AAAA.
	Addresses By = iota
	// Services is of one that names its transport: SRV, else addresses.
	Services
	// Rules is of one that names neither: NAPTR, else SRV, else addresses.
	Rules
)

// Name is what is looked up.
type Name struct {
	// Host is a host name in canonical form, without the last dot. It is absolute.
	Host string
	By   By
	// Over is the transport that the URI names, where By is Services; where it is
	// Rules, TLS is that of a SIPS URI, and UDP of any other.
	Over flow.Transport
}

// Type is a type of records.
type Type uint8

// The types that are asked for.
const (
	A Type = iota
	AAAA
	SRV
	NAPTR
)

// Question is one for DNS. Its name is absolute, without the last dot.
type Question struct {
	Name string
	Type Type
}

// Status is what became of a question.
type Status uint8

const (
	// Failed says that nobody has answered it. The zero value.
	Failed Status = iota
	// None says that there are no such records (RFC 2308).
	None
	// Answered says that there are.
	Answered
)

// Answer is that to a Question: the records of the name asked for, or of the one that
// it is an alias of.
type Answer struct {
	Status    Status
	TTL       uint32 // seconds that it holds for
	Addresses []netip.Addr
	Servers   []Server
	Rules     []Rule
}

// Server is an SRV record (RFC 2782). A Target of the root is "".
type Server struct {
	Priority, Weight, Port uint16
	Target                 string
}

// Rule is a NAPTR record (RFC 3403 4.1).
type Rule struct {
	Order, Preference               uint16
	Flags, Service, Regexp, Replace string
}

// Can is what this process sends over, and to.
type Can struct {
	UDP, TCP, TLS bool
	IPv4, IPv6    bool
}

// over reports whether a transport is one that can be sent over. Nobody can be called
// over WebSocket (RFC 7118 3), so its services do not count.
func (c *Can) over(t flow.Transport) bool {
	switch t {
	case flow.UDP:
		return c.UDP
	case flow.TCP:
		return c.TCP
	case flow.TLS:
		return c.TLS
	}
	return false
}
