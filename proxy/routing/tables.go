package routing

import (
	"fmt"
	"net/netip"
	"regexp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
)

// Tables is what decisions rest on. Immutable; a change of the member set makes
// new Tables.
type Tables struct {
	keys        *token.Keys
	domains     names // what is before the port in an address-of-record
	reached     names // how the cluster is reached, domains too
	listeners   []Listener
	ports       []int // those of listeners, as members have them and as they are advertised
	firstDomain []byte
	guesses     [][]byte // the first domains
	registrar   config.Registrar
	tokenHours  uint16
	policies    []Policy // in the order in which they are asked
	carries     [flow.Transports]bool
	application *Application
}

// Listener is a listener as Via and Record-Route name it.
type Listener struct {
	// Transport is what it serves, and Number, together with that, what flows name it by (config.Config.ListenerNumber).
	Transport flow.Transport
	Number    uint16
	// SentBy is its advertised "host:port".
	SentBy string
	// Second is the same of its address in the other family than SentBy's; empty
	// where who is of that family has SentBy, too.
	Second string
}

// Application is the application beside each member (config.LocalApp).
type Application struct {
	// SentBy is where it sends to, "host:port" of the loopback in each pod, and Port where
	// it listens there; TCP: not over UDP.
	SentBy string
	Port   uint16
	TCP    bool
	// How it is told of the Request-URI that a call came with: by History-Info (RFC 7044),
	// by a header of ours, or by neither.
	HistoryInfo, OriginalHeader bool

	users   *regexp.Regexp // nil: any
	domains names          // empty: all that are served
}

// NewTables makes Tables. self, this member's own address, stands in when neither
// the set nor the configuration advertises one. checks are the caller's own
// policies.
func NewTables(c *config.Config, set *config.MemberSet, self netip.AddrPort, keys *token.Keys, checks Checks) (*Tables, error) {
	t := &Tables{
		keys:        keys,
		domains:     names{},
		reached:     names{},
		registrar:   c.Registrar,
		tokenHours:  uint16(c.TokenHours),
		firstDomain: []byte(canonical(c.Domains[0])),
		policies:    chain(checks),
	}
	for _, d := range c.Domains[:min(len(c.Domains), maxGuesses)] {
		t.guesses = append(t.guesses, []byte(canonical(d)))
	}
	for i, l := range c.ListenersIn(set) {
		if l.Advertise == "" {
			l.Advertise = netip.AddrPortFrom(self.Addr(), uint16(l.Port)).String()
			if i == 0 {
				l.Advertise = self.String()
			}
		}
		if err := t.addListener(l, c.ListenerNumber(l.Port), set, self); err != nil {
			return nil, err
		}
	}
	t.reached.add(self.Addr().String(), int(self.Port()))
	if err := t.addApplication(c.LocalApp); err != nil {
		return nil, err
	}
	for _, d := range c.Domains {
		t.domains.add(d, 0)
		t.addWithoutPort(d)
	}
	return t, t.addAliases(c)
}

// addListener makes ours what leads to a listener: its advertised address, and its
// port at this member and the others.
func (t *Tables) addListener(l config.Listener, number uint16, set *config.MemberSet, self netip.AddrPort) error {
	host, port, err := config.SplitAdvertise(l.Advertise, l.Port)
	if err != nil {
		return fmt.Errorf("advertised address: %w", err)
	}
	listener := Listener{Transport: l.Transport(), Number: number, SentBy: fmt.Sprintf("%s:%d", canonical(host), port)}
	if second, _, err := config.SplitAdvertise(set.SecondAt(l.Advertise), port); err == nil {
		listener.Second = fmt.Sprintf("%s:%d", canonical(second), port)
		t.reached.add(second, port)
	}
	t.listeners = append(t.listeners, listener)
	t.carries[listener.Transport] = true
	t.ports = append(t.ports, l.Port, port)
	t.reached.add(host, port)
	t.reached.add(self.Addr().String(), l.Port)
	if set != nil {
		for i := range set.Members {
			t.reached.add(set.Members[i].Address, l.Port)
		}
	}
	return nil
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
			t.addWithoutPort(host)
		}
	}
	return nil
}

// addWithoutPort makes host ours at the ports that are ours, and the default one,
// which may be translated to one of them; of TLS that is another one.
func (t *Tables) addWithoutPort(host string) {
	t.reached.add(host, config.DefaultSIPPort)
	if t.carries[flow.TLS] {
		t.reached.add(host, defaultTLSPort)
	}
	for _, port := range t.ports {
		t.reached.add(host, port)
	}
}

// Listeners are the cluster's, at least one.
func (t *Tables) Listeners() []Listener { return t.listeners }

// Carries reports whether there is a listener of a transport: requests then leave over
// it, too.
func (t *Tables) Carries(over flow.Transport) bool { return over.Known() && t.carries[over] }

// Serves reports whether the host of an address-of-record is a domain served
// here.
func (t *Tables) Serves(host []byte) bool {
	_, ok := t.domains.host(host)
	return ok
}
