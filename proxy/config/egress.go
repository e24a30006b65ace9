package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// MaxEgressRules is the most rules that Egress.Allow and Egress.Deny may have
// each.
const MaxEgressRules = 64

// What a REGISTER may bind, and a dialog lead to.
const (
	// ContactsSource: only where it came from.
	ContactsSource = "Source"
	// ContactsAny: whatever the rules of Egress let pass.
	ContactsAny = "Any"
)

// Egress says where requests may be sent. What is refused without a word here is
// said in package egress.
type Egress struct {
	// Contacts is Source (default) or Any. With Source a contact has the address
	// that its REGISTER came from, and requests within a call go to the address
	// that the call came from or went to.
	Contacts string `json:"contacts,omitempty"`
	// Allow and Deny are prefixes, perhaps with ports, at most 64 each: see
	// ParseEgressRule. The longest prefix counts; of equally long ones that with
	// ports, then that of Deny.
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// EgressRule is a prefix of addresses and a range of ports.
type EgressRule struct {
	Prefix netip.Prefix
	// First and Last of the ports, 1 and 65535 for all.
	First, Last uint16
}

// ParseEgressRule reads a prefix such as 192.0.2.0/24 or 2001:db8::/32, and after
// it perhaps a port or a range of them: 192.0.2.0/24:5060-5080,
// [2001:db8::/32]:5060.
func ParseEgressRule(s string) (EgressRule, error) {
	r := EgressRule{First: 1, Last: 65535}
	prefix, ports, hasPorts := s, "", false
	if inner, bracketed := strings.CutPrefix(s, "["); bracketed {
		prefix, ports, hasPorts = strings.Cut(inner, "]:")
	} else if strings.Count(s, ":") == 1 {
		prefix, ports, hasPorts = strings.Cut(s, ":")
	}
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return r, fmt.Errorf("%q is not a prefix such as 192.0.2.0/24, perhaps with ports such as :5060-5080", s)
	}
	if p != p.Masked() {
		return r, fmt.Errorf("%q has bits set beyond its length: %s is meant, or a longer prefix", s, p.Masked())
	}
	if p.Addr().Is4In6() {
		return r, fmt.Errorf("%q is IPv4 in IPv6 form: write it as IPv4", s)
	}
	r.Prefix = p
	if !hasPorts {
		return r, nil
	}
	if r.First, r.Last, err = parsePorts(ports); err != nil {
		return r, fmt.Errorf("%q: %w", s, err)
	}
	return r, nil
}

func parsePorts(s string) (first, last uint16, err error) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	a, errLow := strconv.ParseUint(low, 10, 16)
	b, errHigh := strconv.ParseUint(high, 10, 16)
	if errLow != nil || errHigh != nil || a < 1 || a > b {
		return 0, 0, fmt.Errorf("%q is not a port or a range of ports such as 5060-5080", s)
	}
	return uint16(a), uint16(b), nil
}

// validate tells bad what cannot work.
func (e *Egress) validate(bad func(field, format string, args ...any)) {
	if e.Contacts != ContactsSource && e.Contacts != ContactsAny {
		bad("egress.contacts", "%q is not Source or Any", e.Contacts)
	}
	list := func(field string, rules []string) {
		if len(rules) > MaxEgressRules {
			bad(field, "%d of them, at most %d", len(rules), MaxEgressRules)
			return
		}
		for i, s := range rules {
			if _, err := ParseEgressRule(s); err != nil {
				bad(fmt.Sprintf("%s[%d]", field, i), "%v", err)
			}
		}
	}
	list("egress.allow", e.Allow)
	list("egress.deny", e.Deny)
}
