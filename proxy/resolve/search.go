package resolve

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipring/sipring/proxy/flow"
)

// Bounds of what one name leads to.
const (
	// MaxServers is how many hosts are looked up, those of the least priority first.
	MaxServers = 8
	// MaxAddresses is how many addresses of a family each of them has.
	MaxAddresses = 8
	// MaxQuestions is how many are asked in one round.
	MaxQuestions = 2 * MaxServers
	// maxOffers is how many services of a NAPTR answer are looked up.
	maxOffers = 3
	// maxName is the length of a name.
	maxName = 253
)

// Default ports (RFC 3261 19.1.2).
const (
	defaultPort    = 5060
	defaultTLSPort = 5061
)

// Search is the lookup of one Name.
type Search struct {
	name    Name
	can     Can
	step    step
	offers  []offer
	servers []server
	asked   []Question
	ttl     uint32
	// failed: a question that matters was not answered, so there may be more than was
	// found. refused: the domain says that it has no such service (RFC 2782, "." ).
	failed, refused bool
}

type step uint8

const (
	begin step = iota
	rules
	services
	addresses
	over
)

// offer is a service of the domain: where its SRV records are, and its transport.
type offer struct {
	name string
	over flow.Transport
}

// server is a host at which a service is.
type server struct {
	offer            uint8 // its place among the offers: the least is the best
	over             flow.Transport
	priority, weight uint16
	port             uint16 // 0: the URI's
	host             string
	six, four        []netip.Addr
}

// NewSearch begins a lookup.
func NewSearch(name Name, can Can) *Search {
	return &Search{name: name, can: can, ttl: math.MaxUint32}
}

// Next takes the answers to the questions that it returned last, in their order, and
// returns what to ask now: nothing when the search is over. The first time there are no
// answers.
func (s *Search) Next(answers []Answer) []Question {
	for i := range answers {
		s.ttl = min(s.ttl, answers[i].TTL)
		s.failed = s.failed || answers[i].Status == Failed
	}
	switch s.step {
	case begin:
		return s.start()
	case rules:
		return s.takeRules(answers)
	case services:
		return s.takeServices(answers)
	case addresses:
		s.takeAddresses(answers)
	}
	return s.end()
}

func (s *Search) end() []Question {
	s.step, s.asked = over, nil
	return nil
}

// May reports whether the answers to what was asked last may be missing, for there is a
// next step without them.
func (s *Search) May() bool { return s.step == rules || s.step == services }

func (s *Search) start() []Question {
	switch s.name.By {
	case Rules:
		s.step = rules
		s.asked = []Question{{s.name.Host, NAPTR}}
		return s.asked
	case Services:
		s.offers = append(s.offers, s.plain(s.name.Over))
		return s.askServices()
	}
	return s.askAddresses(s.name.Over, 0)
}

// takeRules chooses among the services of NAPTR records (RFC 3263 4.1): those that can be
// sent over, of a SIPS URI those over TLS, of the least order alone (RFC 3403 4.1), by
// preference. Without any, all transports are asked for.
func (s *Search) takeRules(answers []Answer) []Question {
	var usable []Rule
	for _, a := range answers {
		for _, r := range a.Rules {
			if t, ok := serviceOf(r.Service); ok && s.wants(t) && strings.EqualFold(r.Flags, "s") && r.Regexp == "" && isName(r.Replace) {
				usable = append(usable, r)
			}
		}
	}
	slices.SortStableFunc(usable, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference), strings.Compare(a.Service, b.Service), strings.Compare(a.Replace, b.Replace))
	})
	for _, r := range usable {
		if r.Order == usable[0].Order && len(s.offers) < maxOffers {
			t, _ := serviceOf(r.Service)
			s.offers = append(s.offers, offer{r.Replace, t})
		}
	}
	if len(s.offers) == 0 {
		s.offers = s.all()
	}
	return s.askServices()
}

// serviceOf is the transport of a service of NAPTR records (RFC 3263 4.1). That of SIP
// over TLS is written SIPS+D2T.
func serviceOf(service string) (flow.Transport, bool) {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return flow.UDP, true
	case "SIP+D2T":
		return flow.TCP, true
	case "SIPS+D2T":
		return flow.TLS, true
	}
	return 0, false
}

// wants reports whether a transport may be chosen.
func (s *Search) wants(t flow.Transport) bool {
	return s.can.over(t) && (s.name.Over != flow.TLS || t == flow.TLS)
}

// all are the services of the domain itself: of a SIPS URI that over TLS, else those in
// the clear, UDP first (RFC 3263 4.1).
func (s *Search) all() (list []offer) {
	for _, t := range []flow.Transport{flow.UDP, flow.TCP, flow.TLS} {
		if s.can.over(t) && (t == flow.TLS) == (s.name.Over == flow.TLS) {
			list = append(list, s.plain(t))
		}
	}
	return list
}

// plain is the service of a transport at the domain itself (RFC 3263 4.1).
func (s *Search) plain(t flow.Transport) offer {
	switch t {
	case flow.TLS:
		return offer{"_sips._tcp." + s.name.Host, t}
	case flow.TCP:
		return offer{"_sip._tcp." + s.name.Host, t}
	}
	return offer{"_sip._udp." + s.name.Host, t}
}

func (s *Search) askServices() []Question {
	s.step, s.asked = services, nil
	for _, o := range s.offers {
		if isName(o.name) {
			s.asked = append(s.asked, Question{o.name, SRV})
		}
	}
	if len(s.asked) == 0 {
		return s.takeServices(nil)
	}
	return s.asked
}

// takeServices takes the hosts of SRV records. Without any the name itself is the host
// (RFC 3263 4.2), unless the domain has said that it has no such service.
func (s *Search) takeServices(answers []Answer) []Question {
	for i := range answers {
		place := slices.IndexFunc(s.offers, func(o offer) bool { return o.name == s.asked[i].Name })
		for _, r := range answers[i].Servers {
			switch {
			case r.Target == "":
				s.refused = true
			case isName(r.Target) && r.Port != 0:
				s.servers = append(s.servers, server{
					offer: uint8(place), over: s.offers[place].over,
					priority: r.Priority, weight: r.Weight, port: r.Port, host: r.Target,
				})
			}
		}
	}
	slices.SortStableFunc(s.servers, compareServers)
	s.servers = s.servers[:min(len(s.servers), MaxServers)]
	switch {
	case len(s.servers) > 0:
		return s.askHosts()
	case s.refused || len(s.offers) == 0:
		return s.end()
	}
	t := s.offers[0].over
	port := uint16(defaultPort)
	if t == flow.TLS {
		port = defaultTLSPort
	}
	return s.askAddresses(t, port)
}

// compareServers orders servers as they are chosen among (RFC 2782: those without weight
// come first), by their names in the end, so that all members have one order.
func compareServers(a, b server) int {
	return cmp.Or(cmp.Compare(a.offer, b.offer), cmp.Compare(a.priority, b.priority), cmp.Compare(min(a.weight, 1), min(b.weight, 1)),
		strings.Compare(a.host, b.host), cmp.Compare(a.port, b.port), cmp.Compare(a.weight, b.weight))
}

// askAddresses asks for those of the name itself.
func (s *Search) askAddresses(t flow.Transport, port uint16) []Question {
	s.servers = append(s.servers, server{over: t, host: s.name.Host, port: port})
	return s.askHosts()
}

func (s *Search) askHosts() []Question {
	s.step, s.asked = addresses, nil
	for i := range s.servers {
		host := s.servers[i].host
		if slices.ContainsFunc(s.asked, func(q Question) bool { return q.Name == host }) {
			continue
		}
		if s.can.IPv6 {
			s.asked = append(s.asked, Question{host, AAAA})
		}
		if s.can.IPv4 {
			s.asked = append(s.asked, Question{host, A})
		}
	}
	return s.asked
}

func (s *Search) takeAddresses(answers []Answer) {
	for i := range answers {
		list := slices.Clone(answers[i].Addresses)
		slices.SortFunc(list, netip.Addr.Compare)
		list = slices.Compact(list)
		list = list[:min(len(list), MaxAddresses)]
		for j := range s.servers {
			switch x := &s.servers[j]; {
			case x.host != s.asked[i].Name:
			case s.asked[i].Type == AAAA:
				x.six = list
			default:
				x.four = list
			}
		}
	}
}

// Found is what the search has found, for how many seconds it holds, and whether
// questions were not answered, so that it may be less than there is, or nothing. It has
// no hops where the domain has nothing.
func (s *Search) Found() (found *Found, ttl uint32, failed bool) {
	f := &Found{}
	for i := range s.servers {
		if x := &s.servers[i]; len(x.six)+len(x.four) > 0 {
			f.servers = append(f.servers, *x)
		}
	}
	return f, s.ttl, s.failed
}

// isName reports whether a name can be asked for.
func isName(name string) bool { return name != "" && len(name) <= maxName }
