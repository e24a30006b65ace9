package address

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

func planOf(t *testing.T, text string) Plan {
	t.Helper()
	c, err := config.ParseConfig([]byte("cluster: ring\ndomains: [example.com]\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := PlanOf(c, "voice")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlan(t *testing.T) {
	one, both := netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")
	for text, want := range map[string]Plan{
		"sharedAddresses: [192.0.2.9]": {Table: "sipring-voice.ring", Addresses: []netip.Addr{one}, UDP: []uint16{5060}},
		"sharedAddresses: [192.0.2.9, '2001:db8::9']\nlisteners: [{name: a, protocol: UDP, port: 5080}, {name: b, protocol: WS}, {name: c, protocol: TCP}, {name: d, protocol: UDP}]": {
			Table: "sipring-voice.ring", Addresses: []netip.Addr{one, both}, UDP: []uint16{5060, 5080}, TCP: []uint16{5060, 8080},
		},
	} {
		if d := cmp.Diff(want, planOf(t, text), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
	c := &config.Config{Cluster: "ring"}
	if _, err := PlanOf(c, "voice"); err == nil {
		t.Error("a plan without an address")
	}
}

// TestWhoseAddress: what lapses on the loopback interface is ours, and nothing else.
func TestWhoseAddress(t *testing.T) {
	p := planOf(t, "sharedAddresses: [192.0.2.9]")
	const shared, other = "192.0.2.9", "192.0.2.1"
	for name, tt := range map[string]struct {
		found Found
		held  bool
		at    string // where somebody else has it
	}{
		"ours":                    {Found{netip.MustParseAddr(shared), "lo", true, false}, true, ""},
		"permanent":               {Found{netip.MustParseAddr(shared), "lo", true, true}, false, "lo"},
		"of an interface":         {Found{netip.MustParseAddr(shared), "eth0", false, true}, false, "eth0"},
		"of an interface by DHCP": {Found{netip.MustParseAddr(shared), "eth0", false, false}, false, "eth0"},
		"another one":             {Found{netip.MustParseAddr(other), "eth0", false, true}, false, ""},
	} {
		err := p.Judge([]Found{tt.found})
		if (err != nil) != (tt.at != "") || err != nil && !strings.Contains(err.Error(), "somebody else has configured 192.0.2.9 on this node, at the interface "+tt.at) {
			t.Errorf("%s: %v", name, err)
		}
		if p.Held([]Found{tt.found}) != tt.held {
			t.Errorf("%s: held is not %v", name, tt.held)
		}
	}
}

// TestEachClusterHasATableOfItsOwn: names of clusters and namespaces may have hyphens.
func TestEachClusterHasATableOfItsOwn(t *testing.T) {
	var a, b Plan
	for _, of := range [...][2]string{{"voice", "a-b"}, {"voice-a", "b"}} {
		c := &config.Config{Cluster: of[1], SharedAddresses: []string{"192.0.2.9"}}
		var err error
		if a, err = PlanOf(c, of[0]); err != nil {
			t.Fatal(err)
		}
		if a.Table == b.Table {
			t.Errorf("two clusters have the table %s", a.Table)
		}
		b = a
	}
}
