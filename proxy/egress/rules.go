package egress

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// kind of a rule, in the order in which equally long ones count.
type kind uint8

const (
	denied kind = iota
	allowed
	refused  // here, unless something says otherwise
	loopback // here, of a proxy that listens there
	unnamed  // no rule
)

// rule is one prefix. IPv4 has its bits in high.
type rule struct {
	high, low         uint64
	maskHigh, maskLow uint64
	first, last       uint16
	bits              int
	kind              kind
	four              bool
}

func (r *rule) allows() bool { return r.kind != denied && r.kind != refused }

// refusals are the prefixes that are refused unless something says otherwise.
var refusals = []string{
	"127.0.0.0/8", "::1/128", // loopback
	"169.254.0.0/16", "fe80::/10", // link-local
	"240.0.0.0/4",    // reserved
	"64:ff9b:1::/48", // NAT64 of the site (RFC 8215): where in it the IPv4 address stands, the site knows
	// Where clouds tell virtual machines their secrets.
	"169.254.169.254/32", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128",
}

func builtIn(onLoopback bool) []rule {
	var rules []rule
	for _, text := range refusals {
		p, k := netip.MustParsePrefix(text), refused
		if onLoopback && p.Addr().IsLoopback() {
			k = loopback
		}
		rules = append(rules, newRule(config.EgressRule{Prefix: p, First: 1, Last: 65535}, k))
	}
	return rules
}

func newRule(r config.EgressRule, k kind) rule {
	out := rule{bits: r.Prefix.Bits(), first: r.First, last: r.Last, kind: k, four: r.Prefix.Addr().Is4()}
	out.maskHigh, out.maskLow = ^uint64(0)<<max(64-out.bits, 0), ^uint64(0)<<min(max(128-out.bits, 0), 64)
	if out.four {
		a := r.Prefix.Addr().As4()
		out.high = uint64(binary.BigEndian.Uint32(a[:])) << 32
		return out
	}
	out.high, out.low = halves(r.Prefix.Addr())
	return out
}

func halves(a netip.Addr) (high, low uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// compile puts the rules in order, the one that counts first, and one for every
// address last.
func (p *Policy) compile(rules []rule) {
	slices.SortStableFunc(rules, func(a, b rule) int {
		return cmp.Or(-cmp.Compare(a.bits, b.bits), cmp.Compare(a.last-a.first, b.last-b.first), cmp.Compare(a.kind, b.kind))
	})
	for _, r := range rules {
		if r.four {
			p.four = append(p.four, r)
		} else {
			p.six = append(p.six, r)
		}
	}
	every := rule{last: 65535, kind: unnamed}
	p.four, p.six = append(p.four, every), append(p.six, every)
}

// find4 returns the rule that counts for an IPv4 address.
func find4(rules []rule, a netip.Addr, port uint16) *rule {
	b := a.As4()
	high := uint64(binary.BigEndian.Uint32(b[:])) << 32
	for i := range rules {
		if r := &rules[i]; high&r.maskHigh == r.high && r.first <= port && port <= r.last {
			return r
		}
	}
	return &rules[len(rules)-1]
}

// find6 returns the rule that counts for an IPv6 address.
func find6(rules []rule, a netip.Addr, port uint16) *rule {
	high, low := halves(a)
	for i := range rules {
		if r := &rules[i]; high&r.maskHigh == r.high && low&r.maskLow == r.low && r.first <= port && port <= r.last {
			return r
		}
	}
	return &rules[len(rules)-1]
}
