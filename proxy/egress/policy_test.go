package egress

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
)

// policy is that of a cluster of two members at 10.0.0.1 and 2, in IPv4 and IPv6.
func policy(t testing.TB, listen string, egress config.Egress) *Policy {
	t.Helper()
	c := &config.Config{
		Cluster: "test", Domains: []string{"example.com"}, Advertise: "203.0.113.5:5070", Egress: egress,
		Aliases: []string{"203.0.113.6", "sip.example.com:5099", "[2001:db8::6]:5071"},
	}
	c.ApplyDefaults()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	set := &config.MemberSet{Advertise: "203.0.113.7", Second: "2001:db8::7", Members: []config.Member{
		{ID: 1, Address: "10.0.0.1"}, {ID: 2, Address: "10.0.0.2"}, {ID: 3, Address: "2001:db8::2"}, {ID: 4, Address: "::ffff:10.0.0.4"},
	}}
	p, err := New(c, set, netip.MustParseAddrPort(listen))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const away = "10.0.0.1:5060"

// never are addresses that no rule opens.
var never = []string{
	"0.0.0.0:5060", "0.1.2.3:5060", "224.0.0.1:5060", "239.255.255.255:5060", "255.255.255.255:5060", "192.0.2.1:0",
	"[::]:5060", "[ff02::1]:5060", "[::ffff:0.0.0.0]:5060", "[::ffff:224.0.0.1]:5060", "[2002:e000:1::]:5060", "[64:ff9b::e000:1]:5060",
	"10.0.0.1:7947", "10.0.0.2:7947", "10.0.0.2:9090", "10.0.0.2:7948", "[::ffff:10.0.0.2]:7947", "[2001:db8::2]:7947", "10.0.0.4:7947",
	"203.0.113.5:9090", "203.0.113.6:7947", "203.0.113.7:7947", "[2001:db8::6]:9090", "[2001:db8::7]:9090",
	"[2002:a00:2::1]:7947", "[64:ff9b::a00:2]:7947", "[2001:0:a00:2::]:7947", "[2001:0:102:304::f5ff:fffd]:7947", "[::10.0.0.2]:7947",
	"[2001:db8:1::5efe:a00:2]:7947", "[2001:db8:1::200:5efe:a00:2]:7947", "[::ffff:0:a00:2]:7947",
	"[64:ff9b:1::a00:2]:7947",
}

// closed are addresses that are refused unless a rule opens them.
var closed = []string{
	"127.0.0.1:5062", "127.255.255.254:80", "169.254.169.254:80", "169.254.0.1:5060", "240.0.0.1:5060", "100.100.100.200:80",
	"[::1]:5062", "[fe80::1]:5060", "[febf::1]:5060", "[fd00:ec2::254]:80",
	"[::ffff:127.0.0.1]:5062", "[::127.0.0.1]:5062", "[::ffff:0:7f00:1]:5062", "[2002:7f00:1::]:5062", "[2002:a9fe:a9fe::1]:80", "[64:ff9b::a9fe:a9fe]:80",
	"[64:ff9b::7f00:1]:5062", "[2001:0:7f00:1::fefe:fefe]:5062", "[2001:0:102:304::80ff:fffe]:5062", "[64:ff9b:1::7f00:1]:5062",
	"[64:ff9b:1:7f00:0:1:102:304]:5062", "[64:ff9b:1::c000:201]:5062", "[2001:db8:1::5efe:7f00:1]:5062",
	"10.0.0.1:5060", "10.0.0.2:5060", "[::ffff:10.0.0.2]:5060", "[2002:a00:2::]:5060", "[2001:db8::2]:5060", "10.0.0.4:5060",
	"203.0.113.5:5070", "203.0.113.6:5060", "203.0.113.7:5060", "[2001:db8::6]:5071", "[2001:db8::7]:5060",
}

// open are addresses that phones have.
var open = []string{
	"192.0.2.1:5060", "192.0.2.1:7947", "10.0.0.1:5062", "10.0.0.3:5060", "10.0.0.3:7947", "192.168.0.1:5060", "172.16.0.1:1", "100.64.0.1:5060",
	"203.0.113.5:5060", "203.0.113.7:5071", "1.0.0.0:5060", "223.255.255.255:65535",
	"[2001:db8::1]:5060", "[fd00::1]:5060", "[::ffff:192.0.2.1]:5060", "[64:ff9b::c000:201]:5060", "[2002:c000:201::1]:5060", "[2001:db8::2]:5062",
	"[2001:db8:1::5efe:c000:201]:5060",
}

func TestWhatIsRefused(t *testing.T) {
	every := []string{"0.0.0.0/0", "::/0"}
	var hosts []string // each of closed by itself
	for _, a := range append(closed, never...) {
		to := netip.MustParseAddrPort(a)
		hosts = append(hosts, netip.PrefixFrom(to.Addr().Unmap(), to.Addr().Unmap().BitLen()).String())
	}
	for name, c := range map[string]struct {
		listen              string
		egress              config.Egress
		never, closed, open bool
	}{
		"by default":                       {listen: away, open: true},
		"all allowed: longer prefixes win": {listen: away, egress: config.Egress{Allow: every}, open: true},
		"each allowed by itself":           {listen: away, egress: config.Egress{Allow: hosts[:config.MaxEgressRules]}, open: true, closed: true},
		"all denied":                       {listen: away, egress: config.Egress{Deny: every}},
		"all denied and allowed":           {listen: away, egress: config.Egress{Deny: every, Allow: every}},
		"some ports of all allowed":        {listen: away, egress: config.Egress{Deny: every, Allow: []string{"0.0.0.0/0:1-65535", "[::/0]:1-65535"}}},
		"the ports of all but one allowed": {listen: away, egress: config.Egress{Deny: every, Allow: []string{"0.0.0.0/0:1-65534", "[::/0]:2-65535", "[::/0]:1", "0.0.0.0/0:65535"}}, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, c.listen, c.egress)
			for _, list := range []struct {
				name  string
				addrs []string
				want  bool
			}{{"never", never, c.never}, {"closed", closed, c.closed}, {"open", open, c.open}} {
				for _, a := range list.addrs {
					if got := p.Allows(netip.MustParseAddrPort(a)); got != list.want {
						t.Errorf("%s %s: %v", list.name, a, got)
					}
				}
			}
		})
	}
	if policy(t, away, config.Egress{}).Allows(netip.AddrPort{}) {
		t.Error("no address is allowed")
	}
}

// A proxy on loopback is being tried out, and so are its phones.
func TestLoopbackOfAProxyOnLoopback(t *testing.T) {
	for _, listen := range []string{"127.0.0.10:5060", "[::1]:5060", "[::ffff:127.0.0.10]:5060"} {
		p := policy(t, listen, config.Egress{})
		for to, want := range map[string]bool{
			"127.0.0.1:5060": true, "127.9.9.9:1": true, "[::1]:5062": true, "169.254.169.254:80": false, "[fe80::1]:5060": false,
			listen: false, "10.0.0.2:7947": false, "127.0.0.10:7947": listen == "[::1]:5060", "[::1]:9090": listen != "[::1]:5060",
			"[2002:7f00:1::]:5060": true, "[2002:a00:2::]:7947": false,
		} {
			if got := p.Allows(netip.MustParseAddrPort(to)); got != want {
				t.Errorf("from %s to %s: %v, want %v", listen, to, got, want)
			}
		}
	}
	p := policy(t, "127.0.0.10:5060", config.Egress{Deny: []string{"127.0.0.0/8:1-1023", "127.1.0.0/16"}, Allow: []string{"127.0.0.10/32", "127.1.2.0/24"}})
	for to, want := range map[string]bool{
		"127.0.0.1:1023": false, "127.0.0.1:1024": true, "127.1.0.1:5060": false, "127.1.2.1:5060": true, "127.1.2.1:22": true, "127.0.0.10:5060": true, "127.0.0.10:9090": false,
	} {
		if got := p.Allows(netip.MustParseAddrPort(to)); got != want {
			t.Errorf("with rules, to %s: %v, want %v", to, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	p := policy(t, away, config.Egress{Deny: []string{"192.0.2.0/24"}})
	for _, a := range []string{"0.0.0.0:5060", "224.0.0.1:5060", "10.0.0.2:7947", "[::ffff:10.0.0.2]:9090", "192.0.2.1:0", "[ff02::1]:5060"} {
		if p.Answers(netip.MustParseAddrPort(a)) {
			t.Errorf("%s is answered", a)
		}
	}
	for _, a := range []string{"192.0.2.1:5060", "169.254.1.1:5060", "127.0.0.1:5060", "10.0.0.2:5060", "10.0.0.3:7947", "[fe80::1]:5060"} {
		if !p.Answers(netip.MustParseAddrPort(a)) {
			t.Errorf("%s is not answered", a)
		}
	}
}

// says is what the rules say, found the plain way.
func says(e config.Egress, a netip.Addr, port uint16) bool {
	best, bits, span, verdict := false, -1, 0, true
	try := func(r config.EgressRule, v bool) {
		s := int(r.Last) - int(r.First)
		if r.Prefix.Contains(a) && r.First <= port && port <= r.Last && (r.Prefix.Bits() > bits || r.Prefix.Bits() == bits && s < span) {
			best, bits, span, verdict = true, r.Prefix.Bits(), s, v
		}
	}
	for _, list := range []struct {
		texts []string
		v     bool
	}{{e.Deny, false}, {e.Allow, true}, {refusals, false}} {
		for _, text := range list.texts {
			r, _ := config.ParseEgressRule(text)
			try(r, list.v)
		}
	}
	return !best || verdict
}

func TestTheLongestPrefixCounts(t *testing.T) {
	rules := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		a := netip.AddrFrom4([4]byte{rapid.SampledFrom([]byte{127, 169, 192, 1}).Draw(t, "a"), 254, rapid.Byte().Draw(t, "c") & 3, 1})
		if rapid.Bool().Draw(t, "six") {
			a = netip.AddrFrom16([16]byte{0xfe, 0x80, rapid.Byte().Draw(t, "x") & 3, 15: rapid.Byte().Draw(t, "z")})
		}
		p, _ := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
		if rapid.Bool().Draw(t, "all ports") {
			return p.String()
		}
		first := rapid.Uint16Range(1, 20).Draw(t, "first")
		last := rapid.Uint16Range(first, 25).Draw(t, "last")
		if a.Is6() {
			return fmt.Sprintf("[%s]:%d-%d", p, first, last)
		}
		return fmt.Sprintf("%s:%d-%d", p, first, last)
	}), 0, 12)
	rapid.Check(t, func(rt *rapid.T) {
		e := config.Egress{Allow: rules.Draw(rt, "allow"), Deny: rules.Draw(rt, "deny")}
		p := policy(t, away, e)
		for _, text := range append(append(e.Allow, e.Deny...), refusals...) {
			r, _ := config.ParseEgressRule(text)
			last := r.Prefix.Addr().AsSlice()
			last[len(last)-1] |= 3
			beyond, _ := netip.AddrFromSlice(last)
			for _, a := range []netip.Addr{r.Prefix.Addr(), beyond, r.Prefix.Addr().Next()} {
				port := rapid.Uint16Range(1, 26).Draw(rt, "port")
				if !isUnicast(a) || a.Is6() && embedded(a, &[maxEmbedded]netip.Addr{}) > 0 {
					continue
				}
				if got, want := p.Allows(netip.AddrPortFrom(a, port)), says(e, a, port); got != want {
					rt.Fatalf("%s port %d: %v, want %v", a, port, got, want)
				}
			}
		}
	})
}

// FuzzAllows: whatever form an address has, it leads nowhere that the IPv4 address
// in its last 32 bits is not allowed to be, where one of the forms says so.
func FuzzAllows(f *testing.F) {
	for _, a := range append(append(never, closed...), open...) {
		to := netip.MustParseAddrPort(a)
		b := to.Addr().As16()
		f.Add(b[:], to.Port())
	}
	p := policy(f, away, config.Egress{})
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		allowed := p.Allows(netip.AddrPortFrom(a, port))
		if a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || port == 0 {
			if allowed {
				t.Fatalf("%s port %d is allowed", a, port)
			}
		}
		if allowed && !p.Answers(netip.AddrPortFrom(a, port)) {
			t.Fatalf("%s port %d is allowed, and not answered", a, port)
		}
		if four := a.Unmap(); four.Is4() && four.As4() != [4]byte{} && allowed != p.Allows(netip.AddrPortFrom(four, port)) {
			t.Fatalf("%s and %s are not alike", a, four)
		}
	})
}

func TestAllowsDoesNotAllocate(t *testing.T) {
	p := policy(t, away, config.Egress{Allow: []string{"192.0.2.0/24"}})
	for _, a := range append(append(never, closed...), open...) {
		to := netip.MustParseAddrPort(a)
		if n := testing.AllocsPerRun(100, func() { p.Allows(to); p.Answers(to) }); n != 0 {
			t.Errorf("%s: %v allocations", a, n)
		}
	}
}

func BenchmarkAllows(b *testing.B) {
	p := policy(b, away, config.Egress{Allow: []string{"192.0.2.0/24", "198.51.100.0/24:5060"}, Deny: []string{"10.96.0.0/12"}})
	for name, a := range map[string]string{"IPv4": "198.51.100.7:49152", "IPv4, port 5060": "198.51.100.7:5060", "IPv6": "[2001:db8::1]:5060", "loopback": "127.0.0.1:5062"} {
		to := netip.MustParseAddrPort(a)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Allows(to)
			}
		})
	}
}

// Where the cluster receives SIP is closed at every listener, as at the first.
func TestListenersAreClosed(t *testing.T) {
	c := &config.Config{
		Cluster: "test", Domains: []string{"example.com"}, Aliases: []string{"203.0.113.6"},
		Listeners: []config.Listener{{Name: "a"}, {Name: "b", Port: 5072}, {Name: "c", Port: 5073, Advertise: "203.0.113.8:5083"}},
	}
	c.ApplyDefaults()
	set := &config.MemberSet{
		Advertise: "203.0.113.7:5070", Listeners: []config.ListenerAddress{{Name: "b", Advertise: "203.0.113.9:5082"}},
		Members: []config.Member{{ID: 2, Address: "10.0.0.2"}},
	}
	p, err := New(c, set, netip.MustParseAddrPort(away))
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"10.0.0.1:5060": false, "10.0.0.1:5072": false, "10.0.0.1:5073": false, "10.0.0.1:5082": true,
		"10.0.0.2:5060": false, "10.0.0.2:5072": false, "10.0.0.2:5073": false, "10.0.0.2:5074": true,
		"203.0.113.6:5072": false, "203.0.113.6:5074": true, "203.0.113.7:5070": false, "203.0.113.8:5083": false, "203.0.113.9:5082": false,
	} {
		if got := p.Allows(netip.MustParseAddrPort(address)); got != want {
			t.Errorf("%s: %v, want %v", address, got, want)
		}
	}
}
