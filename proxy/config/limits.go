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

// MaxTrusted is the most prefixes of Limits.Trusted.
const MaxTrusted = 64

// maxRate is the highest rate that can be set.
const maxRate = 1_000_000

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
	// Trusted are prefixes of sources without limits, such as 192.0.2.0/24, at most
	// 64: trunks, session border controllers, load balancers that put their own
	// address in the sender's place.
	Trusted []string `json:"trusted,omitempty"`
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
	if l.NewPerSecond < 1 || l.NewPerSecond > maxRate {
		bad("limits.newPerSecond", "%d is not in 1..%d", l.NewPerSecond, maxRate)
	}
	if l.MessagesPerSecond < 1 || l.MessagesPerSecond > maxRate {
		bad("limits.messagesPerSecond", "%d is not in 1..%d", l.MessagesPerSecond, maxRate)
	}
	if len(l.Trusted) > MaxTrusted {
		bad("limits.trusted", "%d of them, at most %d", len(l.Trusted), MaxTrusted)
	}
	if _, err := l.TrustedPrefixes(); err != nil {
		bad("limits.trusted", "%v", err)
	}
}
