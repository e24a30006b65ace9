package routing

import (
	"fmt"
	"net/netip"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/token"
)

// Tables is what decisions rest on. Immutable; a change of the member set makes
// new Tables.
type Tables struct {
	keys        *token.Keys
	domains     names // what is before the port in an address-of-record
	reached     names // how the cluster is reached, domains too
	advertise   string
	firstDomain []byte
	guesses     [][]byte // the first domains
	port        uint16
	registrar   config.Registrar
	tokenHours  uint16
	policies    []Policy // in the order in which they are asked
}

// NewTables makes Tables. self, this member's own address, stands in when neither
// the set nor the configuration advertises one. checks are the caller's own
// policies.
func NewTables(c *config.Config, set *config.MemberSet, self netip.AddrPort, keys *token.Keys, checks Checks) (*Tables, error) {
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
		domains:     names{},
		reached:     names{},
		advertise:   canonical(host),
		port:        uint16(port),
		registrar:   c.Registrar,
		tokenHours:  uint16(c.TokenHours),
		firstDomain: []byte(canonical(c.Domains[0])),
		policies:    chain(checks),
	}
	for _, d := range c.Domains[:min(len(c.Domains), maxGuesses)] {
		t.guesses = append(t.guesses, []byte(canonical(d)))
	}
	t.reached.add(host, port)
	t.reached.add(self.Addr().String(), int(self.Port()))
	t.reached.add(self.Addr().String(), c.Ports.SIP)
	if set != nil {
		for i := range set.Members {
			t.reached.add(set.Members[i].Address, c.Ports.SIP)
		}
	}
	for _, d := range c.Domains {
		t.domains.add(d, 0)
		t.addWithoutPort(d, c.Ports.SIP)
	}
	return t, t.addAliases(c)
}

func (t *Tables) addAliases(c *config.Config) error {
	for _, a := range c.Aliases {
		host, port, err := config.SplitAdvertise(a, 0)
		switch {
		case err != nil:
			return fmt.Errorf("alias: %w", err)
		case port != 0:
			t.reached.add(host, port)
		default:
			t.addWithoutPort(host, c.Ports.SIP)
		}
	}
	return nil
}

// addWithoutPort makes host ours at the ports that are ours, and the default one,
// which may be translated to ours.
func (t *Tables) addWithoutPort(host string, sip int) {
	t.reached.add(host, config.DefaultSIPPort)
	t.reached.add(host, sip)
	t.reached.add(host, int(t.port))
}

// SentBy is the host and port that Via and Record-Route name, "host:port".
func (t *Tables) SentBy() string { return fmt.Sprintf("%s:%d", t.advertise, t.port) }

// Serves reports whether the host of an address-of-record is a domain served
// here.
func (t *Tables) Serves(host []byte) bool {
	_, ok := t.domains.host(host)
	return ok
}
