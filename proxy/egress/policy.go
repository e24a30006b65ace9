package egress

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// Policy is what one configuration and member set allow.
type Policy struct {
	four, six []rule // the one that counts comes first
	// own are the addresses of the cluster, inside the ports of it that are for
	// members alone, and sip where it receives SIP.
	own    map[netip.Addr]struct{}
	inside [3]uint16
	sip    map[netip.AddrPort]struct{}
}

// New makes the policy of a proxy that listens at an address. set is nil before
// there is one.
func New(c *config.Config, set *config.MemberSet, listen netip.AddrPort) (*Policy, error) {
	p := &Policy{
		own: map[netip.Addr]struct{}{}, sip: map[netip.AddrPort]struct{}{},
		inside: [...]uint16{uint16(c.Ports.Peer), uint16(c.Ports.Health), uint16(c.Ports.Admin)},
	}
	var rules []rule
	for _, list := range []struct {
		texts []string
		kind  kind
	}{{c.Egress.Deny, denied}, {c.Egress.Allow, allowed}} {
		for _, text := range list.texts {
			r, err := config.ParseEgressRule(text)
			if err != nil {
				return nil, fmt.Errorf("egress: %w", err)
			}
			rules = append(rules, newRule(r, list.kind))
		}
	}
	p.compile(append(rules, builtIn(listen.Addr().Unmap().IsLoopback())...))
	p.addOwn(c, set, listen)
	return p, nil
}

// addOwn takes the addresses at which the cluster is: those of the members, the
// advertised one and the aliases that are no names.
func (p *Policy) addOwn(c *config.Config, set *config.MemberSet, listen netip.AddrPort) {
	reached := append([]string{c.Advertise}, c.Aliases...)
	ports := []uint16{config.DefaultSIPPort}
	for _, l := range c.ListenersIn(set) {
		ports, reached = append(ports, uint16(l.Port)), append(reached, l.Advertise, set.SecondAt(l.Advertise))
	}
	sip := ports[1:]
	p.add(listen.Addr(), append([]uint16{listen.Port()}, sip...)...)
	if set != nil {
		for i := range set.Members {
			if a, err := netip.ParseAddr(set.Members[i].Address); err == nil {
				p.add(a, sip...)
			}
		}
	}
	for _, text := range reached {
		host, port, err := config.SplitAdvertise(text, 0)
		if err != nil {
			continue // not set
		}
		a, err := netip.ParseAddr(host)
		switch {
		case err != nil: // a name
		case port != 0:
			p.add(a, uint16(port))
		default: // as routing has it
			p.add(a, ports...)
		}
	}
}

func (p *Policy) add(a netip.Addr, sip ...uint16) {
	a = a.Unmap()
	p.own[a] = struct{}{}
	for _, port := range sip {
		p.sip[netip.AddrPortFrom(a, port)] = struct{}{}
	}
}

// Allows reports whether a request may be sent to an address.
func (p *Policy) Allows(to netip.AddrPort) bool {
	a, port := to.Addr().Unmap(), to.Port()
	if !p.answers(a, port) {
		return false
	}
	if a.Is4() {
		return p.allows4(a, port)
	}
	if !p.verdict(find6(p.six, a, port), a, port) {
		return false
	}
	var within [maxEmbedded]netip.Addr
	for _, four := range within[:embedded(a, &within)] {
		if !p.answers(four, port) || !p.allows4(four, port) {
			return false
		}
	}
	return true
}

func (p *Policy) allows4(a netip.Addr, port uint16) bool {
	return p.verdict(find4(p.four, a, port), a, port)
}

// verdict is what a rule says, if the address is not where the cluster receives
// SIP, which only a rule for that very address allows.
func (p *Policy) verdict(r *rule, a netip.Addr, port uint16) bool {
	if _, own := p.sip[netip.AddrPortFrom(a, port)]; own {
		return r.kind == allowed && r.bits == a.BitLen()
	}
	return r.allows()
}

// Answers reports whether a response may be sent to an address, as the source of
// its request is: not to what is no host's, nor to the ports that members have for
// each other, in whose name anybody can send a datagram.
func (p *Policy) Answers(to netip.AddrPort) bool { return p.answers(to.Addr().Unmap(), to.Port()) }

func (p *Policy) answers(a netip.Addr, port uint16) bool {
	if port == 0 || !isUnicast(a) {
		return false
	}
	if !slices.Contains(p.inside[:], port) {
		return true
	}
	_, own := p.own[a]
	return !own
}

// isUnicast reports whether an address is that of one host.
func isUnicast(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		return b[0] != 0 && b[0]&0xf0 != 0xe0 && b != [4]byte{255, 255, 255, 255}
	}
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast()
}
