package forward

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
)

const (
	fourth, sixth = "203.0.113.21:5060", "[2001:db8:203::21]:5060"
	alice4        = "192.0.2.10:5062"
	alice6        = "[2001:db8::10]:5062"
	bob4          = "198.51.100.7:5070"
	bob6          = "[2001:db8::7]:5070"
)

// How each end of a dialog reaches the cluster: at its address of the end's own
// family (RFC 6157 5.2). Where they differ, both are in the dialog's route set.
func TestEachEndIsToldOfItsOwnFamily(t *testing.T) {
	dual := newDualRig(t, "203.0.113.21", "2001:db8:203::21")
	notify := dual.within(change(invite, "INVITE", "NOTIFY"), &token.Token{}, "")
	notify = strings.ReplaceAll(notify, "sip.example.net:5060", fourth)
	named := newDualRig(t, "sip.example.net", "2001:db8:203::21")
	for name, tt := range map[string]struct {
		rig            *rig
		text, from, to string
		via            string
		routes         []string
	}{
		"IPv4 to IPv4":            {dual, invite, alice4, bob4, fourth, []string{fourth}},
		"IPv4 to IPv6":            {dual, invite, alice4, bob6, sixth, []string{sixth, fourth}},
		"IPv6 to IPv4":            {dual, invite, alice6, bob4, fourth, []string{fourth, sixth}},
		"IPv6 to IPv6":            {dual, invite, alice6, bob6, sixth, []string{sixth}},
		"IPv6 first":              {newDualRig(t, "[2001:db8:203::21]", "203.0.113.21"), invite, alice4, bob6, sixth, []string{sixth, fourth}},
		"NOTIFY within, IPv6":     {dual, notify, alice6, bob4, fourth, []string{fourth, sixth}},
		"NOTIFY within, IPv4":     {dual, notify, alice4, bob4, fourth, []string{fourth}},
		"a second of that family": {newDualRig(t, "203.0.113.21", "203.0.113.22"), invite, alice6, bob4, fourth, []string{fourth}},
		"no second":               {newDualRig(t, "203.0.113.21", ""), invite, alice4, bob6, fourth, []string{fourth}},
		"a name is both":          {named, invite, alice4, bob6, "sip.example.net:5060", []string{"sip.example.net:5060"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := tt.rig.leaves(tt.rig.request(tt.text, tt.from), []targets.Target{one("sip:bob@example.net", tt.to)})
			if via := found(got, `(?m)^Via: SIP/2.0/UDP ([^;]*);`); via[0] != tt.via {
				t.Errorf("Via of %s, want %s, in\n%s", via[0], tt.via, got)
			}
			if diff := cmp.Diff(tt.routes, found(got, `(?m)^Record-Route: <sip:[^@]*@(.*);lr>$`)); diff != "" {
				t.Errorf("Record-Route (-want +got):\n%s", diff)
			}
		})
	}
}

// So it is of each listener, at its own port.
func TestEachListenerHasBothFamilies(t *testing.T) {
	r := newDualRig(t, "203.0.113.21", "2001:db8:203::21", config.Listener{Name: "phones"}, config.Listener{Name: "trunks", Port: 5070})
	req := r.request(invite, alice4)
	req.From.Listener = 5060
	got := r.leaves(req, []targets.Target{over("sip:bob@example.net", bob6, 5070)})
	want := []string{"[2001:db8:203::21]:5070", "203.0.113.21:5060"}
	if diff := cmp.Diff(want, found(got, `(?m)^Record-Route: <sip:[^@]*@(.*);lr>$`)); diff != "" {
		t.Errorf("Record-Route (-want +got):\n%s", diff)
	}
}

func TestBothFamiliesDoNotAllocate(t *testing.T) {
	r := newDualRig(t, "203.0.113.21", "2001:db8:203::21")
	req, list := r.request(invite, alice4), []targets.Target{one("sip:bob@example.net", bob6)}
	var b Builder
	var out []byte
	var fork []transaction.Target
	if n := testing.AllocsPerRun(200, func() {
		out, fork = b.Fork(out[:0], fork[:0], r.names, req, token.TxID{1, 9}, list)
	}); n != 0 && !raceDetector {
		t.Errorf("%v allocations", n)
	}
}

func found(text, pattern string) (all []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

// What either end makes of the two, and a third that came before, leads on from here.
func TestBothAreTakenFromTheRouteSet(t *testing.T) {
	r := newDualRig(t, "203.0.113.21", "2001:db8:203::21")
	got := r.leaves(r.request(invite, alice4), []targets.Target{one("sip:bob@example.net", bob6)})
	routes := found(got, `(?m)^Record-Route: (.*)$`)
	byCallee := slices.Clone(routes)
	slices.Reverse(routes)
	for name, route := range map[string][]string{"caller": routes, "callee": byCallee} {
		text := change(invite, "INVITE", "BYE", "sip:bob@example.com SIP", "sip:bob@198.51.100.7 SIP", "To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=b",
			"\n\tFrom:", "\n\tRoute: "+strings.Join(route, ", ")+", <sip:p.example.org;lr>\n\tFrom:")
		d := r.request(text, alice4).Decision
		if d.OwnRoutes != 2 || string(d.NextRoute) != "sip:p.example.org;lr" || d.Token == nil {
			t.Errorf("%s: %d own routes, then %s, token %v", name, d.OwnRoutes, d.NextRoute, d.Token)
		}
	}
}
