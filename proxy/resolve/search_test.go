package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/flow"
)

// zone is what DNS has: records by "TYPE name".
type zone map[string]Answer

func (z zone) ask(questions []Question) (answers []Answer) {
	for _, q := range questions {
		a, known := z[[...]string{A: "A ", AAAA: "AAAA ", SRV: "SRV ", NAPTR: "NAPTR "}[q.Type]+q.Name]
		switch {
		case !known:
			a = Answer{Status: None, TTL: 60}
		case a.TTL == 0:
			a.TTL = 600
		}
		answers = append(answers, a)
	}
	return answers
}

// at are addresses.
func at(list ...string) Answer {
	a := Answer{Status: Answered}
	for _, s := range list {
		a.Addresses = append(a.Addresses, netip.MustParseAddr(s))
	}
	return a
}

// srv are hosts, as in "10 5 5060 a.example".
func srv(list ...string) Answer {
	a := Answer{Status: Answered}
	for _, s := range list {
		var r Server
		if _, err := fmt.Sscanf(s, "%d %d %d %s", &r.Priority, &r.Weight, &r.Port, &r.Target); err != nil {
			panic(err)
		}
		r.Target = strings.TrimSuffix(r.Target, ".")
		a.Servers = append(a.Servers, r)
	}
	return a
}

// naptr are rules, as in "10 50 s SIP+D2U _sip._udp.a.example".
func naptr(list ...string) Answer {
	a := Answer{Status: Answered}
	for _, s := range list {
		var r Rule
		if _, err := fmt.Sscanf(s, "%d %d %s %s %s", &r.Order, &r.Preference, &r.Flags, &r.Service, &r.Replace); err != nil {
			panic(err)
		}
		a.Rules = append(a.Rules, r)
	}
	return a
}

var everything = Can{UDP: true, TCP: true, TLS: true, IPv4: true, IPv6: true}

// look searches a zone, and returns the hops and all that was asked.
func look(z zone, name Name, can Can, seed uint64, large bool) (hops []string, asked []string) {
	s := NewSearch(name, can)
	for q := s.Next(nil); len(q) > 0; {
		for _, x := range q {
			asked = append(asked, [...]string{A: "A ", AAAA: "AAAA ", SRV: "SRV ", NAPTR: "NAPTR "}[x.Type]+x.Name)
		}
		q = s.Next(z.ask(q))
	}
	found, _, _ := s.Found()
	for _, h := range found.AppendHops(nil, seed, large) {
		hops = append(hops, fmt.Sprint(h.Over, " ", h.Addr))
	}
	return hops, asked
}

func TestRFC3263_4_1_TransportByNAPTR(t *testing.T) {
	all := zone{
		"NAPTR a.example":          naptr("50 50 s SIPS+D2T _sips._tcp.a.example", "90 50 s SIP+D2T _sip._tcp.a.example", "100 50 s SIP+D2U _sip._udp.a.example"),
		"SRV _sips._tcp.a.example": srv("0 1 5061 tls.a.example"), "SRV _sip._tcp.a.example": srv("0 1 5070 tcp.a.example"), "SRV _sip._udp.a.example": srv("0 1 5080 udp.a.example"),
		"A tls.a.example": at("192.0.2.1"), "A tcp.a.example": at("192.0.2.2"), "A udp.a.example": at("192.0.2.3"), "A a.example": at("192.0.2.9"),
	}
	plain := Name{Host: "a.example", By: Rules}
	secured := Name{Host: "a.example", By: Rules, Over: flow.TLS}
	with := func(rules ...string) zone {
		z := zone{}
		for k, v := range all {
			z[k] = v
		}
		z["NAPTR a.example"] = naptr(rules...)
		return z
	}
	for name, c := range map[string]struct {
		zone zone
		name Name
		can  Can
		want []string
	}{
		"the order of the domain":           {all, plain, everything, []string{"TLS 192.0.2.1:5061"}},
		"what is not served is left out":    {all, plain, Can{UDP: true, TCP: true, IPv4: true}, []string{"TCP 192.0.2.2:5070"}},
		"UDP alone":                         {all, plain, Can{UDP: true, IPv4: true}, []string{"UDP 192.0.2.3:5080"}},
		"SIPS goes by TLS":                  {with("1 1 s SIP+D2U _sip._udp.a.example", "50 50 s sips+d2t _sips._tcp.a.example"), secured, everything, []string{"TLS 192.0.2.1:5061"}},
		"SIPS never in the clear":           {with("1 1 s SIP+D2T _sip._tcp.a.example"), secured, everything, []string{"TLS 192.0.2.1:5061"}},
		"SIPS where TLS is not served":      {all, secured, Can{UDP: true, TCP: true, IPv4: true}, nil},
		"the preference of one order":       {with("1 20 s SIP+D2U _sip._udp.a.example", "1 10 s SIP+D2T _sip._tcp.a.example"), plain, everything, []string{"TCP 192.0.2.2:5070", "UDP 192.0.2.3:5080"}},
		"no higher order":                   {with("1 20 s SIP+D2U _sip._udp.a.example", "2 10 s SIP+D2T _sip._tcp.a.example"), plain, everything, []string{"UDP 192.0.2.3:5080"}},
		"WebSocket is for browsers":         {with("1 1 s SIPS+D2W _sips._ws.a.example", "1 1 s SIP+D2W _sip._ws.a.example", "2 1 s SIP+D2U _sip._udp.a.example"), plain, everything, []string{"UDP 192.0.2.3:5080"}},
		"nothing that is served":            {with("1 1 s SIP+D2S _sip._sctp.a.example", "1 1 u E2U+sip x.example", "1 1 a SIP+D2U x.example"), plain, everything, []string{"UDP 192.0.2.3:5080", "TCP 192.0.2.2:5070"}},
		"the service of another domain":     {zone{"NAPTR a.example": naptr("1 1 s SIP+D2T _sip._tcp.b.example"), "SRV _sip._tcp.b.example": srv("1 1 5066 c.example"), "A c.example": at("192.0.2.7")}, plain, everything, []string{"TCP 192.0.2.7:5066"}},
		"a service that is not there":       {zone{"NAPTR a.example": naptr("1 1 s SIP+D2T _sip._tcp.b.example"), "A a.example": at("192.0.2.9")}, plain, everything, []string{"TCP 192.0.2.9:5060"}},
		"no NAPTR: UDP before TCP":          {zone{"SRV _sip._tcp.a.example": srv("0 1 5070 t.example"), "SRV _sip._udp.a.example": srv("0 1 5080 u.example"), "A t.example": at("192.0.2.2"), "A u.example": at("192.0.2.3")}, plain, everything, []string{"UDP 192.0.2.3:5080", "TCP 192.0.2.2:5070"}},
		"no NAPTR: TCP alone":               {zone{"SRV _sip._tcp.a.example": srv("0 1 5070 t.example"), "A t.example": at("192.0.2.2")}, plain, everything, []string{"TCP 192.0.2.2:5070"}},
		"neither: UDP":                      {zone{"A a.example": at("192.0.2.9")}, plain, everything, []string{"UDP 192.0.2.9:5060"}},
		"neither, UDP not served":           {zone{"A a.example": at("192.0.2.9")}, plain, Can{TCP: true, IPv4: true}, []string{"TCP 192.0.2.9:5060"}},
		"neither, of SIPS":                  {zone{"A a.example": at("192.0.2.9")}, secured, everything, []string{"TLS 192.0.2.9:5061"}},
		"nothing at all":                    {zone{}, plain, everything, nil},
		"a name that nobody can ask for":    {zone{}, Name{Host: strings.Repeat("a.", 120) + "example", By: Rules}, everything, nil},
		"the domain has no such service":    {zone{"SRV _sip._udp.a.example": srv("0 0 0 ."), "A a.example": at("192.0.2.9")}, plain, everything, nil},
		"of two services one is not there":  {zone{"SRV _sip._udp.a.example": srv("0 0 0 ."), "SRV _sip._tcp.a.example": srv("0 1 5070 t.example"), "A t.example": at("192.0.2.2")}, plain, everything, []string{"TCP 192.0.2.2:5070"}},
		"DNS does not answer NAPTR and SRV": {zone{"NAPTR a.example": {}, "SRV _sip._udp.a.example": {}, "A a.example": at("192.0.2.9")}, plain, everything, []string{"UDP 192.0.2.9:5060"}},
	} {
		if got, _ := look(c.zone, c.name, c.can, 1, false); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got, _ := look(with("1 10 s SIP+D2U _sip._udp.a.example", "1 20 s SIP+D2T _sip._tcp.a.example"), plain, everything, 1, true); got[0] != "TCP 192.0.2.2:5070" {
		t.Errorf("a large request: %v", got)
	}
}

func TestRFC3263_4_2_PortAndAddresses(t *testing.T) {
	z := zone{
		"SRV _sip._tcp.a.example": srv("20 1 5072 c.example", "10 1 5071 b.example", "30 1 5073 b.example"), "SRV _sips._tcp.a.example": srv("1 1 5065 b.example"),
		"A a.example": at("192.0.2.9"), "A b.example": at("192.0.2.1"), "AAAA b.example": at("2001:db8::1"), "A c.example": at("192.0.2.2"),
	}
	for name, c := range map[string]struct {
		name  Name
		can   Can
		want  []string
		asked string
	}{
		"by priority":          {Name{"a.example", Services, flow.TCP}, everything, []string{"TCP [2001:db8::1]:5071", "TCP 192.0.2.1:5071", "TCP 192.0.2.2:5072", "TCP [2001:db8::1]:5073"}, "SRV _sip._tcp.a.example, AAAA b.example, A b.example, AAAA c.example, A c.example"},
		"IPv4 alone":           {Name{"a.example", Services, flow.TCP}, Can{TCP: true, IPv4: true}, []string{"TCP 192.0.2.1:5071", "TCP 192.0.2.2:5072", "TCP 192.0.2.1:5073"}, "SRV _sip._tcp.a.example, A b.example, A c.example"},
		"of TLS":               {Name{"a.example", Services, flow.TLS}, Can{TLS: true, IPv4: true}, []string{"TLS 192.0.2.1:5065"}, "SRV _sips._tcp.a.example, A b.example"},
		"no SRV of UDP":        {Name{"a.example", Services, flow.UDP}, everything, []string{"UDP 192.0.2.9:5060"}, "SRV _sip._udp.a.example, AAAA a.example, A a.example"},
		"the URI has the port": {Name{Host: "a.example"}, everything, []string{"UDP 192.0.2.9:0"}, "AAAA a.example, A a.example"},
		"no family":            {Name{Host: "a.example"}, Can{UDP: true}, nil, ""},
	} {
		got, asked := look(z, c.name, c.can, 1, false)
		if d := cmp.Diff(c.want, got); d != "" || strings.Join(asked, ", ") != c.asked {
			t.Errorf("%s: %s, asked %v", name, d, asked)
		}
	}
}

// TestRFC2782_Weights: of equal priority a host is the first as often as its weight has it,
// and one without weight next to never.
func TestRFC2782_Weights(t *testing.T) {
	z := zone{
		"SRV _sip._udp.a.example": srv("10 75 1 a.a.example", "10 25 2 b.a.example", "10 0 3 c.a.example", "5 0 4 d.a.example", "5 0 5 e.a.example"),
		"A a.a.example":           at("192.0.2.1"), "A b.a.example": at("192.0.2.2"), "A c.a.example": at("192.0.2.3"), "A d.a.example": at("192.0.2.4"), "A e.a.example": at("192.0.2.5"),
	}
	const n = 20000
	third := map[string]int{}
	for seed := range uint64(n) {
		hops, _ := look(z, Name{"a.example", Services, flow.UDP}, everything, mix(seed), false)
		if !slices.Contains([]string{"UDP 192.0.2.4:4", "UDP 192.0.2.5:5"}, hops[0]) || hops[0] == hops[1] || len(hops) != MaxHops {
			t.Fatalf("the least priority is not first: %v", hops)
		}
		third[hops[2]]++
		if again, _ := look(z, Name{"a.example", Services, flow.UDP}, everything, mix(seed), false); !slices.Equal(hops, again) {
			t.Fatalf("RFC 3263 4.4: %v, then %v", hops, again)
		}
	}
	for hop, want := range map[string]int{"UDP 192.0.2.1:1": n * 75 / 101, "UDP 192.0.2.2:2": n * 25 / 101, "UDP 192.0.2.3:3": n / 101} {
		if got := third[hop]; got < want*85/100-20 || got > want*115/100+20 {
			t.Errorf("%s is first %d times of %d, want %d", hop, got, n, want)
		}
	}
}

// TestAddressesTakeTurns: whose load is shared by addresses alone.
func TestAddressesTakeTurns(t *testing.T) {
	z := zone{"A a.example": at("192.0.2.3", "192.0.2.1", "192.0.2.2", "192.0.2.1"), "AAAA a.example": at("2001:db8::1")}
	first := map[string]bool{}
	for seed := range uint64(3) {
		hops, _ := look(z, Name{Host: "a.example"}, everything, seed, false)
		if len(hops) != MaxHops || hops[0] != "UDP [2001:db8::1]:0" {
			t.Errorf("%v", hops)
		}
		first[hops[1]] = true
	}
	if len(first) != 3 {
		t.Errorf("first are %v", first)
	}
}

// TestSearchIsBounded: whatever DNS answers, a search is three rounds of few questions, and
// few places, of a SIPS URI over TLS, and none that cannot be sent over or to.
func TestSearchIsBounded(t *testing.T) {
	label := rapid.SampledFrom([]string{"", "a.example", "b.example", "_sip._udp.a.example", strings.Repeat("x", 300)})
	short := rapid.Uint16Range(0, 3)
	answer := rapid.Custom(func(t *rapid.T) Answer {
		a := Answer{Status: Status(rapid.Uint8Range(0, 2).Draw(t, "status")), TTL: rapid.Uint32().Draw(t, "ttl")}
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			a.Addresses = append(a.Addresses, netip.AddrFrom4([4]byte{192, 0, 2, byte(short.Draw(t, "host"))}))
			a.Servers = append(a.Servers, Server{short.Draw(t, "priority"), rapid.Uint16().Draw(t, "weight"), short.Draw(t, "port"), label.Draw(t, "target")})
			a.Rules = append(a.Rules, Rule{
				Order: short.Draw(t, "order"), Preference: short.Draw(t, "preference"), Flags: rapid.SampledFrom([]string{"s", "S", "a", ""}).Draw(t, "flags"),
				Service: rapid.SampledFrom([]string{"SIP+D2U", "sip+d2t", "SIPS+D2T", "SIP+D2W", "x"}).Draw(t, "service"), Replace: label.Draw(t, "replacement"),
			})
		}
		return a
	})
	rapid.Check(t, func(t *rapid.T) {
		can := Can{UDP: rapid.Bool().Draw(t, "udp"), TCP: rapid.Bool().Draw(t, "tcp"), TLS: true, IPv4: true, IPv6: rapid.Bool().Draw(t, "six")}
		name := Name{"a.example", By(rapid.Uint8Range(1, 2).Draw(t, "by")), rapid.SampledFrom([]flow.Transport{flow.UDP, flow.TLS}).Draw(t, "over")}
		can.UDP = can.UDP || name.Over == flow.UDP
		s, rounds := NewSearch(name, can), 0
		for q := s.Next(nil); len(q) > 0; rounds++ {
			if len(q) > MaxQuestions || rounds > 3 {
				t.Fatalf("%d questions in round %d", len(q), rounds)
			}
			answers := make([]Answer, len(q))
			for i := range answers {
				answers[i] = answer.Draw(t, "answer")
			}
			q = s.Next(answers)
		}
		found, _, _ := s.Found()
		seed, large := rapid.Uint64().Draw(t, "seed"), rapid.Bool().Draw(t, "large")
		hops := found.AppendHops(nil, seed, large)
		if len(hops) > MaxHops || found.Empty() != (len(hops) == 0) {
			t.Fatalf("%d hops", len(hops))
		}
		for i, h := range hops {
			if !can.over(h.Over) || name.Over == flow.TLS && h.Over != flow.TLS || slices.Contains(hops[:i], h) {
				t.Fatalf("%v", hops)
			}
		}
	})
}

// TestWhatIsFoundHoldsForTheLeastTime: and whether all was answered.
func TestWhatIsFoundHoldsForTheLeastTime(t *testing.T) {
	z := zone{"SRV _sip._udp.a.example": srv("1 1 5060 b.example"), "A b.example": at("192.0.2.1")}
	s := NewSearch(Name{"a.example", Rules, flow.UDP}, everything)
	for q := s.Next(nil); len(q) > 0; {
		q = s.Next(z.ask(q))
	}
	if _, ttl, failed := s.Found(); ttl != 60 || failed { // of what is not there
		t.Errorf("%d s, failed %v", ttl, failed)
	}
	z["A b.example"] = Answer{}
	s = NewSearch(Name{"a.example", Rules, flow.UDP}, everything)
	for q := s.Next(nil); len(q) > 0; {
		q = s.Next(z.ask(q))
	}
	if found, _, failed := s.Found(); !found.Empty() || !failed {
		t.Errorf("%+v, failed %v", found, failed)
	}
}
