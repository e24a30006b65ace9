package config

import (
	"fmt"
	"net/netip"
)

// Default rates of one source: more than the phones behind a NAT cause that register
// again all at once, less than what takes a core.
const (
	DefaultNewPerSecond      = 500
	DefaultMessagesPerSecond = 20_000
)

// Default limits of connections at a listener: see ConnectionLimits.
const (
	DefaultConnections             = 20_000
	DefaultConnectionsPerSource    = 2_000
	DefaultConnectionsNewPerSecond = 100
)

// MaxTrusted is the most prefixes of Limits.Trusted.
const MaxTrusted = 64

// maxRate is the highest rate that can be set, maxConnections the most connections.
const maxRate, maxConnections = 1_000_000, 1_000_000

// Limits bound what one source may cause: an IPv4 address, or the /64 of an IPv6
// address. What is above them is dropped.
type Limits struct {
	// NewPerSecond is how much of what is new a source may begin each second, at
	// each proxy: requests out of dialog, and registrations that are no refreshes of
	// ones made from there. Ten seconds' worth may come at once. Default 500.
	NewPerSecond int `json:"newPerSecond,omitempty"`
	// MessagesPerSecond is how many messages of a source are read each second, of any
	// kind. Two seconds' worth may come at once. Default 20000.
	MessagesPerSecond int `json:"messagesPerSecond,omitempty"`
	// Connections bound those over TCP, TLS, WS and WSS.
	Connections ConnectionLimits `json:"connections,omitzero"`
	// Trusted are prefixes of sources without limits, such as 192.0.2.0/24, at most
	// 64: trunks, session border controllers, load balancers that put their own
	// address in the sender's place. Of connections only Connections.Total counts for
	// them.
	Trusted []string `json:"trusted,omitempty"`
}

// ConnectionLimits bound the connections at each listener of a proxy. One too many takes
// the place of another. A field that is 0 has its default, and one that has it is 0 once
// ApplyDefaults has seen it: what is not set is not written, as by versions before there
// was any.
type ConnectionLimits struct {
	// Total is how many there may be, PerSource how many of one source. Defaults 20000
	// and 2000.
	Total     int `json:"total,omitempty"`
	PerSource int `json:"perSource,omitempty"`
	// NewPerSecond is how many a source may begin each second in the long run; as many
	// as it may have may come at once, or as a second's if that is more. Default 100.
	NewPerSecond int `json:"newPerSecond,omitempty"`
}

// WithDefaults is l with the defaults written out.
func (l ConnectionLimits) WithDefaults() ConnectionLimits {
	setDefault(&l.Total, DefaultConnections)
	setDefault(&l.PerSource, DefaultConnectionsPerSource)
	setDefault(&l.NewPerSecond, DefaultConnectionsNewPerSecond)
	return l
}

// dropDefaults is the reverse.
func (l *ConnectionLimits) dropDefaults() {
	for value, def := range map[*int]int{
		&l.Total: DefaultConnections, &l.PerSource: DefaultConnectionsPerSource, &l.NewPerSecond: DefaultConnectionsNewPerSecond,
	} {
		if *value == def {
			*value = 0
		}
	}
}

// TrustedPrefixes are the prefixes of Trusted; Validate has found them in order.
func (l *Limits) TrustedPrefixes() ([]netip.Prefix, error) { return parsePrefixes(l.Trusted) }

func parsePrefixes(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%q is not a prefix such as 192.0.2.0/24", s)
		}
		list = append(list, p)
	}
	return list, nil
}

// validate tells bad what cannot work.
func (l *Limits) validate(bad func(field, format string, args ...any)) {
	c := l.Connections.WithDefaults()
	for _, f := range [...]struct {
		field       string
		value, most int
	}{
		{"limits.newPerSecond", l.NewPerSecond, maxRate},
		{"limits.messagesPerSecond", l.MessagesPerSecond, maxRate},
		{"limits.connections.total", c.Total, maxConnections},
		{"limits.connections.perSource", c.PerSource, maxConnections},
		{"limits.connections.newPerSecond", c.NewPerSecond, maxRate},
	} {
		if f.value < 1 || f.value > f.most {
			bad(f.field, "%d is not in 1..%d", f.value, f.most)
		}
	}
	if len(l.Trusted) > MaxTrusted {
		bad("limits.trusted", "%d of them, at most %d", len(l.Trusted), MaxTrusted)
	}
	if _, err := l.TrustedPrefixes(); err != nil {
		bad("limits.trusted", "%v", err)
	}
}
