package routing

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Tables is what decisions rest on. Immutable; a change of the member set makes
// new Tables.
type Tables struct {
	keys        *token.Keys
	domains     map[string]struct{} // lower case
	advertise   string              // host, lower case, an IPv6 address in brackets
	firstDomain string
	port        uint16
	members     map[netip.Addr]struct{}
	memberSIP   uint16
	registrar   config.Registrar
}

// NewTables makes Tables. self, this member's own address, stands in when neither
// the set nor the configuration advertises one.
func NewTables(c *config.Config, set *config.MemberSet, self netip.AddrPort, keys *token.Keys) (*Tables, error) {
	advertise := c.Advertise
	if set != nil && set.Advertise != "" {
		advertise = set.Advertise
	}
	if advertise == "" {
		advertise = self.String()
	}
	host, port, err := config.SplitAdvertise(advertise, c.Ports.SIP)
	if err != nil {
		return nil, fmt.Errorf("advertised address: %w", err)
	}
	t := &Tables{
		keys:        keys,
		domains:     map[string]struct{}{},
		advertise:   hostForm(host),
		port:        uint16(port),
		members:     map[netip.Addr]struct{}{self.Addr().Unmap(): {}},
		memberSIP:   uint16(c.Ports.SIP),
		registrar:   c.Registrar,
		firstDomain: hostForm(c.Domains[0]),
	}
	for _, d := range c.Domains {
		t.domains[hostForm(d)] = struct{}{}
	}
	if set != nil {
		for i := range set.Members {
			if a, err := netip.ParseAddr(set.Members[i].Address); err == nil {
				t.members[a.Unmap()] = struct{}{}
			}
		}
	}
	return t, nil
}

// SentBy is the host and port that Via and Record-Route name, "host:port".
func (t *Tables) SentBy() string { return fmt.Sprintf("%s:%d", t.advertise, t.port) }

// hostForm is how a host is compared: lower case, without a final dot, an IPv6
// address in brackets and in the form of RFC 5952.
func hostForm(host string) string {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if a = a.Unmap(); a.Is6() {
			return "[" + a.String() + "]"
		}
		return a.String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// Serves reports whether the host of an address-of-record is a domain served
// here.
func (t *Tables) Serves(host []byte) bool {
	var buf [maxHost]byte
	form, ok := foldHost(buf[:0], host)
	if !ok {
		return false
	}
	_, ok = t.domains[string(form)]
	return ok
}

// names reports whether a URI's host and port are those of the cluster or of
// one of its members, or its host is a domain served here.
func (t *Tables) names(u *wire.URI) bool {
	var buf [maxHost]byte
	form, ok := foldHost(buf[:0], u.Host)
	if !ok {
		return false
	}
	port := uint16(config.DefaultSIPPort)
	if u.HasPort {
		port = u.Port
	}
	if string(form) == t.advertise && port == t.port {
		return true
	}
	if _, ok := t.domains[string(form)]; ok {
		return !u.HasPort || port == t.port || port == t.memberSIP
	}
	a, ok := wire.HostAddr(u.Host)
	if !ok || port != t.memberSIP {
		return false
	}
	_, ok = t.members[a.Unmap()]
	return ok
}

const maxHost = 256

// foldHost appends the form of host that hostForm makes. Hosts longer than any
// DNS name are not ours.
func foldHost(dst, host []byte) ([]byte, bool) {
	if len(host) == 0 || len(host) > maxHost-16 {
		return nil, false
	}
	if host[0] == '[' {
		a, ok := wire.HostAddr(host)
		if !ok {
			return nil, false
		}
		return append(a.AppendTo(append(dst, '[')), ']'), true
	}
	for _, c := range host {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	if n := len(dst); n > 1 && dst[n-1] == '.' {
		dst = dst[:n-1]
	}
	return dst, true
}
