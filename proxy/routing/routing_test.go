package routing

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

func testKeys(t testing.TB, first byte) *token.Keys {
	t.Helper()
	k, err := token.NewKeys([]token.Key{{ID: first, Secret: [32]byte{first, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testTables(t testing.TB) *Tables {
	t.Helper()
	c := &config.Config{
		Cluster: "test", Domains: []string{"Example.com", "192.0.2.80", "[::ffff:192.0.2.81]", "[2001:DB8:0::1]"}, Advertise: "sip.example.net",
		Aliases: []string{"Out.example.org.", "[2001:db8::0005]", "nat.example.org:30060", "203.0.113.5:30060"},
	}
	c.ApplyDefaults()
	set := &config.MemberSet{Members: []config.Member{{ID: 1, Name: "a", Address: "10.0.0.1"}, {ID: 2, Name: "b", Address: "10.0.0.2"}}}
	tables, err := NewTables(c, set, netip.MustParseAddrPort("10.0.0.1:5060"), testKeys(t, 1), Checks{})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// scan makes a request of a method, URI and header lines; what it lacks of the
// mandatory headers is added.
func scan(t testing.TB, method, uri string, headers ...string) *wire.Message {
	t.Helper()
	text := method + " " + uri + " SIP/2.0\r\n"
	all := strings.Join(headers, "\n")
	for name, line := range map[string]string{
		"Via:": "Via: SIP/2.0/UDP 198.51.100.1:5062;branch=z9hG4bKx", "From:": "From: <sip:alice@example.com>;tag=a",
		"To:": "To: <sip:bob@example.com>", "Call-ID:": "Call-ID: c1", "CSeq:": "CSeq: 7 " + method,
	} {
		if !strings.Contains("\n"+all, "\n"+name) {
			text += line + "\r\n"
		}
	}
	for _, h := range headers {
		text += h + "\r\n"
	}
	m := &wire.Message{}
	if err := m.Scan([]byte(text+"\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

type verdict struct {
	Action string
	Status int
	AOR    string
	Extra  string
}

func decide(t testing.TB, tables *Tables, m *wire.Message) (verdict, *Decision) {
	t.Helper()
	d := &Decision{}
	tables.Decide(m, d)
	return verdict{Action: d.Action.String(), Status: d.Status, AOR: string(d.AOR), Extra: strings.TrimSpace(string(d.Extra))}, d
}

func TestRFC3261_16_3_Validation(t *testing.T) {
	tables := testTables(t)
	for name, c := range map[string]struct {
		m    *wire.Message
		want verdict
	}{
		"step 2: scheme":           {scan(t, "INVITE", "mailto:bob@example.com"), verdict{Action: "reject", Status: 416}},
		"step 2: scheme of an ACK": {scan(t, "ACK", "mailto:bob@example.com"), verdict{Action: "drop"}},
		"step 3: last hop":         {scan(t, "INVITE", "sip:bob@example.com", "Max-Forwards: 0"), verdict{Action: "reject", Status: 483}},
		"step 3: OPTIONS on its last hop is answered": {
			scan(t, "OPTIONS", "sip:bob@example.com", "Max-Forwards: 0"),
			verdict{Action: "options", Status: 200, Extra: strings.TrimSpace(OptionsLines)},
		},
		"step 3: OPTIONS on its last hop, Require": {
			scan(t, "OPTIONS", "sip:bob@example.com", "Max-Forwards: 0", "Require: a"),
			verdict{Action: "reject", Status: 420, Extra: "Unsupported: a"},
		},
		"OPTIONS for the proxy, Require": {
			scan(t, "OPTIONS", "sip:example.com", "Require: a, b"),
			verdict{Action: "reject", Status: 420, Extra: "Unsupported: a, b"},
		},
		"step 3: one hop left": {scan(t, "INVITE", "sip:bob@example.com", "Max-Forwards: 1"), verdict{Action: "lookup", AOR: "sip:bob@example.com"}},
		"step 5: Proxy-Require": {
			scan(t, "INVITE", "sip:bob@example.com", "Proxy-Require: a, b", "Proxy-Require: c"),
			verdict{Action: "reject", Status: 420, Extra: "Unsupported: a, b, c"},
		},
		"step 5: not for CANCEL":     {scan(t, "CANCEL", "sip:bob@example.com", "Proxy-Require: a"), verdict{Action: "lookup", AOR: "sip:bob@example.com"}},
		"Require is for the far end": {scan(t, "INVITE", "sip:bob@example.com", "Require: a"), verdict{Action: "lookup", AOR: "sip:bob@example.com"}},
	} {
		got, _ := decide(t, tables, c.m)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRFC3261_16_3_LoopIsToldFromSpiral(t *testing.T) {
	tables := testTables(t)
	m := scan(t, "INVITE", "sip:bob@example.com")
	_, d := decide(t, tables, m)
	tx := tables.keys.TxID(&token.TxFields{Branch: []byte("z9hG4bKx"), SentBy: []byte("h"), Method: []byte("INVITE")})
	branch := tables.keys.AppendBranch(nil, token.Branch{Tx: tx, Loop: tables.keys.LoopHash(tx, d.LoopFields(m))})
	via := "Via: SIP/2.0/UDP far.example;branch=z9hG4bKy, SIP/2.0/UDP sip.example.net:5060;branch=" + string(branch)
	if got, _ := decide(t, tables, scan(t, "INVITE", "sip:bob@example.com", via)); got.Status != 482 {
		t.Errorf("loop: %+v", got)
	}
	if got, _ := decide(t, tables, scan(t, "INVITE", "sip:carol@example.com", via)); got.Action != "lookup" {
		t.Errorf("spiral: %+v", got)
	}
	foreign := testKeys(t, 9).AppendBranch(nil, token.Branch{Tx: tx})
	via = "Via: SIP/2.0/UDP sip.example.net:5060;branch=" + string(foreign)
	if got, _ := decide(t, tables, scan(t, "INVITE", "sip:bob@example.com", via)); got.Action != "lookup" {
		t.Errorf("a branch of nobody's: %+v", got)
	}
}

// Each pass of a spiral costs a hash, and whoever was called has as many branches of ours as calls.
func TestSpiralsAreBounded(t *testing.T) {
	tables := testTables(t)
	var vias []string
	for want, n := "lookup", 1; n <= maxPasses+1; n++ {
		tx := tables.keys.TxID(&token.TxFields{Branch: []byte{'z', byte(n)}, SentBy: []byte("h"), Method: []byte("INVITE")})
		vias = append(vias, "Via: SIP/2.0/UDP sip.example.net:5060;branch="+string(tables.keys.AppendBranch(nil, token.Branch{Tx: tx})))
		if n > maxPasses {
			want = "reject"
		}
		if got, _ := decide(t, tables, scan(t, "INVITE", "sip:bob@example.com", vias...)); got.Action != want {
			t.Errorf("after %d passes: %+v", n, got)
		}
	}
}

// TestRFC5393_4_2_1_LoopHash: what decides where a request goes changes the hash,
// and nothing else does, least of all what a CANCEL or an ACK lacks.
func TestRFC5393_4_2_1_LoopHash(t *testing.T) {
	tables := testTables(t)
	tx := tables.keys.TxID(&token.TxFields{Branch: []byte("z9hG4bKx"), SentBy: []byte("h"), Method: []byte("INVITE")})
	hash := func(m *wire.Message) uint32 {
		_, d := decide(t, tables, m)
		return tables.keys.LoopHash(tx, d.LoopFields(m))
	}
	const bob, route = "sip:bob@example.com", "Route: <sip:sip.example.net;lr>"
	want := hash(scan(t, "INVITE", bob, route))
	for name, c := range map[string]struct {
		m    *wire.Message
		same bool
	}{
		"its CANCEL":            {scan(t, "CANCEL", bob, route), true},
		"the ACK of a failure":  {scan(t, "ACK", bob, route, "To: <sip:bob@example.com>;tag=b"), true},
		"another hop before us": {scan(t, "INVITE", bob, "Via: SIP/2.0/UDP far.example;branch=z9hG4bKy", route), true},
		"hops used up":          {scan(t, "INVITE", bob, route, "Max-Forwards: 3", "Max-Breadth: 2"), true},
		"Proxy-Require":         {scan(t, "INVITE", bob, route, "Proxy-Require: x"), true},
		"credentials":           {scan(t, "INVITE", bob, route, "Proxy-Authorization: Digest x"), true},
		"Route in two lines":    {scan(t, "INVITE", bob, route, "Route: <sip:sip.example.net;lr>"), false},
		"no Route":              {scan(t, "INVITE", bob), false},
		"Request-URI":           {scan(t, "INVITE", bob+";x=y", route), false},
		"From tag":              {scan(t, "INVITE", bob, route, "From: <sip:alice@example.com>;tag=b"), false},
	} {
		if got := hash(c.m); (got == want) != c.same {
			t.Errorf("%s: %08x, that of the INVITE %08x, want the same: %v", name, got, want, c.same)
		}
	}
}

func TestRFC3261_16_5_TargetOfTheRequestURI(t *testing.T) {
	tables := testTables(t)
	lookup := func(aor string) verdict { return verdict{Action: "lookup", AOR: aor} }
	reject := func(status int, extra string) verdict { return verdict{Action: "reject", Status: status, Extra: extra} }
	for name, c := range map[string]struct {
		method, uri string
		want        verdict
	}{
		"AOR":                           {"INVITE", "sip:bob@example.com", lookup("sip:bob@example.com")},
		"AOR, canonical":                {"INVITE", "sip:%62ob@EXAMPLE.com:5060;transport=tcp", lookup("sip:bob@example.com")},
		"AOR of an address":             {"INVITE", "sip:bob@192.0.2.80", lookup("sip:bob@192.0.2.80")},
		"unknown method":                {"DANCE", "sip:bob@example.com", lookup("sip:bob@example.com")},
		"a phone's contact, perhaps":    {"INVITE", "sip:bob@example.org", verdict{Action: "contact"}},
		"a phone's contact, ACK":        {"ACK", "sip:bob@example.org", verdict{Action: "contact"}},
		"a secure contact":              {"INVITE", "sips:bob@example.org", reject(404, "")},
		"a member's address":            {"INVITE", "sip:bob@10.0.0.2", reject(404, "")},
		"any address":                   {"INVITE", "sip:bob@203.0.113.9", verdict{Action: "contact"}},
		"a phone beside the cluster":    {"INVITE", "sip:bob@10.0.0.2:5070", verdict{Action: "contact"}},
		"OPTIONS for the cluster":       {"OPTIONS", "sip:sip.example.net", verdict{Action: "options", Status: 200, Extra: strings.TrimSpace(OptionsLines)}},
		"OPTIONS for the domain":        {"OPTIONS", "sip:example.com", verdict{Action: "options", Status: 200, Extra: strings.TrimSpace(OptionsLines)}},
		"OPTIONS for a member":          {"OPTIONS", "sip:10.0.0.2:5060", verdict{Action: "options", Status: 200, Extra: strings.TrimSpace(OptionsLines)}},
		"OPTIONS for a user":            {"OPTIONS", "sip:bob@example.com", lookup("sip:bob@example.com")},
		"MESSAGE for the domain itself": {"MESSAGE", "sip:example.com", reject(405, strings.TrimSpace(AllowLine))},
		"tel":                           {"INVITE", "tel:+1-201-555(01)23", lookup("sip:+12015550123@example.com")},
		"RFC 5630: sips without TLS":    {"INVITE", "sips:bob@example.com", reject(480, `Warning: 380 sipring "SIPS Not Allowed"`)},
	} {
		got, _ := decide(t, tables, scan(t, c.method, c.uri))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestRFC3261_16_4_WhatNamesUs: what of a Route is popped, whoever its user is.
func TestRFC3261_16_4_WhatNamesUs(t *testing.T) {
	tables := testTables(t)
	forged := routeToken(t, testKeys(t, 9), "a")
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat("<sip:bob@example.com;lr>,", n), ",") }
	for routes, own := range map[string]int{ // own 0: refused
		"<sip:sip.example.net;lr>": 1, "<sip:bob@sip.example.net;lr>": 1, "<sip:SIP.Example.NET.:5060>": 1, "<sips:bob@sip.example.net>": 1,
		"<sip:bob@example.com;lr>": 1, "<sip:bob@example.com:5060;transport=tcp;lr>": 1, "<sip:EXAMPLE.com.;lr>": 1, "<sip:192.0.2.80>": 1,
		"<sip:bob@[::ffff:192.0.2.80]:5060;lr>": 1, "<sip:10.0.0.2;lr>": 1, "<sip:[::FFFF:a00:2]:5060;lr>": 1, "<sip:10.0.0.2:5060>": 1,
		"<sip:out.example.org;lr>": 1, "<sip:bob@OUT.example.org.:5060;lr>": 1, "<sip:x@[2001:DB8:0::5];lr>": 1, "<sip:[2001:db8::5%25eth0]:5060>": 1,
		"<sip:nat.example.org;lr>": 1, "<sip:nat.example.org:30060>": 1, "<sip:203.0.113.5:30060>": 1, "<sip:example.com;maddr=10.0.0.1;lr>": 1,
		"<sip:bob@example.com;lr>, <sip:carol@10.0.0.1;lr>, <sip:sip.example.net>": 3, "<" + forged + ">": 1,
		many(maxOwnRoutes):        maxOwnRoutes,
		"<sip:203.0.113.5;lr>":    0, // an alias with a port is that port's
		"<sip:203.0.113.5:5060>":  0,
		"<sip:out.example.org:1>": 0, "<sip:example.com:1;lr>": 0, "<sip:10.0.0.2:5070;lr>": 0, "<sip:10.0.0.3;lr>": 0, "<sip:net;lr>": 0,
		"<sip:example.com;maddr=192.0.2.9;lr>": 0, "<sip:sub.example.com;lr>": 0, "<tel:+1201>": 0, "<sip:bob@example.com;lr>, <sip:p.example;lr>": 0,
		many(maxOwnRoutes + 1): 0,
	} {
		got, d := decide(t, tables, scan(t, "INVITE", "sip:bob@example.com", "Route: "+routes))
		if ours := got.Action == "lookup"; ours != (own > 0) || ours && d.OwnRoutes != own {
			t.Errorf("%s: %+v (%s), %d popped, want %d", routes, got, d.Why, d.OwnRoutes, own)
		}
		if got, _ := decide(t, tables, scan(t, "INVITE", "sip:bob@198.51.100.7", "Route: "+routes)); got.Action != "reject" && got.Action != "contact" {
			t.Errorf("%s leads to a stranger: %+v", routes, got)
		}
		if got, _ := decide(t, tables, scan(t, "REGISTER", "sip:example.com", "Route: "+routes)); (got.Action == "register") != (own > 0) {
			t.Errorf("%s, REGISTER: %+v, want %d popped", routes, got, own)
		}
	}
}

// Where phones of both families come, the cluster has an address of each, and phones
// have Routes of either: their outbound proxy's and those of Record-Route.
func TestTheAddressOfEachFamilyNamesUs(t *testing.T) {
	c := &config.Config{Cluster: "test", Domains: []string{"example.com"}}
	c.ApplyDefaults()
	for name, tt := range map[string]struct {
		set  config.MemberSet
		want map[string]bool // Routes, and whether they are ours
	}{
		"IPv4 first": {config.MemberSet{Advertise: "203.0.113.21:5070", Second: "2001:db8:203::21"}, map[string]bool{
			"203.0.113.21:5070": true, "[2001:db8:203::21]:5070": true, "[2001:DB8:203:0::21]:5070": true, "[2001:db8:203::21]": false, "[2001:db8:203::22]:5070": false,
		}},
		"IPv6 first": {config.MemberSet{Advertise: "[2001:db8:203::21]:5060", Second: "203.0.113.21"}, map[string]bool{
			"203.0.113.21": true, "[2001:db8:203::21]": true, "203.0.113.21:5061": false,
		}},
		"one": {config.MemberSet{Advertise: "203.0.113.21:5060"}, map[string]bool{"203.0.113.21": true, "[2001:db8:203::21]": false}},
	} {
		tables, err := NewTables(c, &tt.set, netip.MustParseAddrPort("10.0.0.1:5060"), testKeys(t, 1), Checks{})
		if err != nil {
			t.Fatal(err)
		}
		for host, ours := range tt.want {
			if got, _ := decide(t, tables, scan(t, "INVITE", "sip:bob@example.com", "Route: <sip:"+host+";lr>")); (got.Action == "lookup") != ours {
				t.Errorf("%s: Route %s: %+v", name, host, got)
			}
		}
	}
}

// TestTokenIsDemandedWithinADialog: there a Route that names us has to hold one if
// it has a user part. The ACK of a failure has the INVITE's Route, and leads
// nowhere but to bindings, as the INVITE did.
func TestTokenIsDemandedWithinADialog(t *testing.T) {
	tables := testTables(t)
	const bob, far, tagged, user = "sip:bob@example.com", "sip:bob@198.51.100.7", "To: <sip:bob@example.com>;tag=b", "<sip:bob@example.com;lr>"
	token, forged := "<"+routeToken(t, tables.keys, "a")+">", "<"+routeToken(t, testKeys(t, 9), "a")+">"
	for name, c := range map[string]struct {
		m    *wire.Message
		want verdict
	}{
		"a bad one":                      {scan(t, "INVITE", bob, "Route: "+forged, tagged), verdict{Action: "reject", Status: 403}},
		"none":                           {scan(t, "BYE", bob, "Route: "+user, tagged), verdict{Action: "reject", Status: 403}},
		"a bad one, then another route":  {scan(t, "BYE", far, "Route: "+forged+", <sip:p.example;lr>", tagged), verdict{Action: "reject", Status: 403}},
		"beside an outbound proxy's":     {scan(t, "BYE", far, "Route: "+user+", "+token, tagged), verdict{Action: "in-dialog"}},
		"before an outbound proxy's":     {scan(t, "BYE", far, "Route: "+token+", "+user, tagged), verdict{Action: "in-dialog"}},
		"ACK of a failure":               {scan(t, "ACK", bob, "Route: "+user, tagged), verdict{Action: "lookup", AOR: bob}},
		"ACK of a failure, to elsewhere": {scan(t, "ACK", far, "Route: "+user, tagged), verdict{Action: "contact"}},
	} {
		if got, _ := decide(t, tables, c.m); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestRFC3261_16_5_Maddr: a maddr that is not ours is the only target, and to
// relay there is refused without a token.
func TestRFC3261_16_5_Maddr(t *testing.T) {
	tables := testTables(t)
	token := "Route: <" + routeToken(t, tables.keys, "a") + ">"
	const tagged = "To: <sip:bob@example.com>;tag=b"
	for uri, want := range map[string]string{
		"sip:bob@example.com;maddr=10.0.0.1": "lookup", "sip:bob@example.com;maddr=EXAMPLE.com": "lookup", "sip:bob@example.com;maddr=[::ffff:10.0.0.1]": "lookup",
		"sip:bob@example.com;maddr=out.example.org": "lookup", "sip:bob@example.com;maddr": "lookup", "sip:bob@example.com;maddr=": "lookup",
		"sip:bob@example.com;maddr=192.0.2.1": "reject", "sip:bob@example.com;MADDR=192.0.2.1": "reject", "sip:bob@example.com;%6daddr=192.0.2.1": "reject",
		"sip:bob@example.com;maddr=224.0.1.75": "reject", "sip:bob@example.com;maddr=10.0.0.1%2e": "reject", "sips:bob@example.com;maddr=192.0.2.1": "reject",
		"sip:bob@example.com;x=y;maddr=example.org": "reject", "sip:example.com;maddr=192.0.2.1": "reject", "sip:bob@192.0.2.9;maddr=10.0.0.1": "contact",
	} {
		got, d := decide(t, tables, scan(t, "OPTIONS", uri))
		if got.Action != want || want == "reject" && got.Status != 403 && got.Status != 404 {
			t.Errorf("%s: %+v (%s), want %s", uri, got, d.Why, want)
		}
		within := map[string]string{"lookup": "lookup", "reject": "in-dialog", "contact": "in-dialog"}[want]
		if got, _ := decide(t, tables, scan(t, "BYE", uri, token, tagged)); got.Action != within {
			t.Errorf("%s with a token: %+v, want %s", uri, got, within)
		}
	}
	if got, _ := decide(t, tables, scan(t, "REGISTER", "sip:example.com;maddr=192.0.2.1")); got.Status != 403 {
		t.Errorf("REGISTER: %+v", got)
	}
}

// TestOneKeyForOneAddress: an address-of-record is looked up under the key that it
// registers under, however it is written.
func TestOneKeyForOneAddress(t *testing.T) {
	tables := testTables(t)
	for want, uris := range map[string][]string{
		"sip:bob@192.0.2.81":    {"sip:bob@[::ffff:192.0.2.81]", "sip:bob@192.0.2.81", "sip:bob@[::FFFF:C000:251]:5060", "sip:bob@192.0.2.81."},
		"sip:bob@[2001:db8::1]": {"sip:bob@[2001:DB8::1]", "sip:bob@[2001:0db8:0:0::0001]", "sip:bob@[2001:db8::1%eth0]"},
		"sip:bob@example.com":   {"sip:bob@EXAMPLE.Com.", "sip:%62ob@example.com:5060"},
		"sip:*21%23@example.com": {
			"tel:*21#", "sip:*21%23@example.com", "sip:*21%23@example.com;user=phone", "tel:*2-1#;phone-context=Example.com.",
			"sip:*2.1%23;phone-context=example.com@example.com;user=phone",
		},
		"sip:+12015550123@example.com":                   {"tel:+1-201-555(01)23", "tel:+1.201.555.0123;phone-context=192.0.2.81", "sip:+1-201-555-0123@example.com;user=phone", "tel:+12015550123;npdi;rn=5"},
		"sip:7042@192.0.2.81":                            {"tel:70-42;phone-context=[::ffff:192.0.2.81]", "tel:7042;phone-context=192.0.2.81", "sip:70.42@192.0.2.81;user=phone"},
		"sip:7042;phone-context=+1201@example.com":       {"tel:7042;phone-context=+1-201", "sip:70.42;phone-context=+1(201)@example.com;user=phone"},
		"sip:7042;phone-context=example.org@example.com": {"tel:7042;phone-context=Example.org", "sip:7042;phone-context=EXAMPLE.org.@example.com;user=phone"},
		"sip:+1201;ext=42@example.com":                   {"tel:+1201;ext=4-2", "sip:+1-201;ext=42@example.com;user=phone"},
	} {
		for _, uri := range uris {
			if got, _ := decide(t, tables, scan(t, "MESSAGE", uri)); got.Action != "lookup" || got.AOR != want {
				t.Errorf("%s: %+v, want the key %s", uri, got, want)
			}
			if got, _ := decide(t, tables, scan(t, "REGISTER", "sip:example.com", "To: <"+uri+">")); got.Action != "register" || got.AOR != want {
				t.Errorf("REGISTER of %s: %+v, want the key %s", uri, got, want)
			}
		}
	}
}

func routeToken(t testing.TB, k *token.Keys, callerTag string) string {
	t.Helper()
	tok := token.Token{CallerTag: token.HashTag([]byte(callerTag))}
	return "sip:" + string(k.AppendToken(nil, &tok, []byte("c1"))) + "@sip.example.net:5060;lr"
}

func TestRFC3261_16_4_RouteProcessing(t *testing.T) {
	tables := testTables(t)
	tok, other := routeToken(t, tables.keys, "a"), routeToken(t, tables.keys, "b")
	forged := routeToken(t, testKeys(t, 9), "a")
	type result struct {
		Action     string
		Status     int
		Own        int
		Next       string
		Loose      bool
		RequestURI string
		ToCallee   bool
	}
	for name, c := range map[string]struct {
		uri     string
		headers []string
		want    result
	}{
		"own token, from the caller": {
			"sip:bob@198.51.100.7",
			[]string{"Route: <" + tok + ">"},
			result{Action: "in-dialog", Own: 1, ToCallee: true},
		},
		"own token, from the callee": {
			"sip:alice@198.51.100.6",
			[]string{"Route: <" + tok + ">", "From: <sip:bob@example.com>;tag=other", "To: <sip:alice@example.com>;tag=a"},
			result{Action: "in-dialog", Own: 1},
		},
		"the last token of several counts": {
			"sip:bob@198.51.100.7",
			[]string{"Route: <" + other + ">, <" + tok + ">"},
			result{Action: "in-dialog", Own: 2, ToCallee: true},
		},
		"a further route": {
			"sip:bob@198.51.100.7",
			[]string{"Route: <" + tok + ">", "Route: <sip:p.example;lr>"},
			result{Action: "in-dialog", Own: 1, ToCallee: true, Next: "sip:p.example;lr", Loose: true},
		},
		"a further strict route": {
			"sip:bob@198.51.100.7",
			[]string{"Route: <" + tok + ">, <sip:p.example>"},
			result{Action: "in-dialog", Own: 1, ToCallee: true, Next: "sip:p.example"},
		},
		"strict router before us": {
			tok,
			[]string{"Route: <sip:bob@198.51.100.7>"},
			result{Action: "in-dialog", ToCallee: true, RequestURI: "sip:bob@198.51.100.7"},
		},
		"strict router before us, route after us": {
			tok,
			[]string{"Route: <sip:p.example;lr>, <sip:bob@198.51.100.7>"},
			result{Action: "in-dialog", ToCallee: true, RequestURI: "sip:bob@198.51.100.7", Next: "sip:p.example;lr", Loose: true},
		},
		"strict router before us, the target an address of ours": {
			tok,
			[]string{"Route: <sip:bob@example.com>"},
			result{Action: "lookup", RequestURI: "sip:bob@example.com"},
		},
		"not an address":                 {"sip:bob@example.com", []string{"Route: *"}, result{Action: "reject", Status: 400}},
		"token in the Request-URI alone": {tok, nil, result{Action: "reject", Status: 404}},
		"preloaded route to us":          {"sip:bob@example.com", []string{"Route: <sip:sip.example.net;lr>"}, result{Action: "lookup", Own: 1}},
		"preloaded route to a member":    {"sip:bob@example.com", []string{"Route: <sip:10.0.0.2:5060;lr>"}, result{Action: "lookup", Own: 1}},
		"forged token":                   {"sip:bob@198.51.100.7", []string{"Route: <" + forged + ">"}, result{Action: "contact", Own: 1}},
		"not a token":                    {"sip:bob@198.51.100.7", []string{"Route: <sip:x@sip.example.net;lr>"}, result{Action: "contact", Own: 1}},
		"forged token, further route":    {"sip:bob@example.com", []string{"Route: <" + forged + ">, <sip:p.example;lr>"}, result{Action: "reject", Status: 403, Own: 1, Next: "sip:p.example;lr", Loose: true}},
		"no open relay: route":           {"sip:bob@example.com", []string{"Route: <sip:p.example;lr>"}, result{Action: "reject", Status: 403, Next: "sip:p.example;lr", Loose: true}},
		"no open relay: route after us":  {"sip:bob@example.com", []string{"Route: <sip:sip.example.net;lr>, <sip:p.example;lr>"}, result{Action: "reject", Status: 403, Own: 1, Next: "sip:p.example;lr", Loose: true}},
		"no open relay: no token":        {"sip:bob@198.51.100.7", []string{"To: <sip:bob@example.com>;tag=b"}, result{Action: "reject", Status: 404}},
		"in a dialog, by the AOR":        {"sip:bob@example.com", []string{"To: <sip:bob@example.com>;tag=b"}, result{Action: "lookup"}},
		"token, and an AOR as target":    {"sip:bob@example.com", []string{"Route: <" + tok + ">"}, result{Action: "lookup", Own: 1}},
		"token, a further route, and an AOR as target": {
			"sip:bob@example.com",
			[]string{"Route: <" + tok + ">, <sip:p.example;lr>"},
			result{Action: "in-dialog", Own: 1, ToCallee: true, Next: "sip:p.example;lr", Loose: true},
		},
		"malformed": {"sip:bob@example.com", []string{"Route: <sip:a"}, result{Action: "reject", Status: 400}},
	} {
		_, d := decide(t, tables, scan(t, "BYE", c.uri, c.headers...))
		got := result{d.Action.String(), d.Status, d.OwnRoutes, string(d.NextRoute), d.Loose, string(d.RequestURI), d.ToCallee}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A token that verifies is no licence for more than its dialog: the host it leads
// to would believe what it gets, as it comes from the proxy.
func TestTokenIsNoLicenceToRelay(t *testing.T) {
	tables := testTables(t)
	const from, to, far = "From: <sip:bob@example.com>;tag=", "To: <sip:alice@example.com>;tag=", "sip:x@198.51.100.7"
	route := "Route: <" + routeToken(t, tables.keys, "a") + ">"
	untagged := "Route: <" + routeToken(t, tables.keys, "") + ">"
	type result struct {
		Action   string
		Status   int
		ToCallee bool
	}
	callee, caller, refused := result{Action: "in-dialog", ToCallee: true}, result{Action: "in-dialog"}, result{Action: "reject", Status: 403}
	for name, c := range map[string]struct {
		m    *wire.Message
		want result
	}{
		"re-INVITE of the caller":           {scan(t, "INVITE", far, route, from+"a", to+"b"), callee},
		"of a forked call":                  {scan(t, "UPDATE", far, route, from+"a", to+"another"), callee},
		"re-INVITE of the callee":           {scan(t, "INVITE", far, route, from+"b", to+"a"), caller},
		"NOTIFY of who was subscribed to":   {scan(t, "NOTIFY", far, route, from+"b", to+"a"), caller},
		"ACK of a 2xx":                      {scan(t, "ACK", far, route, from+"a", to+"b"), callee},
		"CANCEL of a re-INVITE":             {scan(t, "CANCEL", far, route, from+"a", to+"b"), callee},
		"both ends chose the same tag":      {scan(t, "BYE", far, route, from+"a", to+"a"), callee},
		"a new INVITE":                      {scan(t, "INVITE", far, route, from+"a"), refused},
		"a new MESSAGE":                     {scan(t, "MESSAGE", far, route, from+"a"), refused},
		"a new INVITE, further route":       {scan(t, "INVITE", "sip:bob@example.com", route, "Route: <sip:p.example;lr>", from+"a"), refused},
		"of neither end":                    {scan(t, "INVITE", far, route, from+"x", to+"y"), refused},
		"of neither end, ACK":               {scan(t, "ACK", far, route, from+"x", to+"y"), result{Action: "drop"}},
		"of another call":                   {scan(t, "INVITE", far, route, from+"a", to+"b", "Call-ID: c2"), refused},
		"RFC 2543: BYE to a tagless callee": {scan(t, "BYE", far, route, from+"a"), callee},
		"RFC 2543: BYE of a tagless caller": {scan(t, "BYE", far, untagged, "From: <sip:alice@example.com>", to+"b"), callee},
		"RFC 2543: BYE to a tagless caller": {scan(t, "BYE", far, untagged, from+"b"), caller},
		"RFC 2543: INVITE to a tagless":     {scan(t, "INVITE", far, untagged, from+"b"), refused},
		"RFC 2543: of neither end":          {scan(t, "BYE", far, untagged, from+"x", to+"y"), refused},
	} {
		_, d := decide(t, tables, c.m)
		if got := (result{d.Action.String(), d.Status, d.ToCallee}); got != c.want {
			t.Errorf("%s: %+v (%s), want %+v", name, got, d.Reason, c.want)
		}
	}
}

func TestOwnRoutesAreBounded(t *testing.T) {
	tables := testTables(t)
	route := "Route: " + strings.TrimSuffix(strings.Repeat("<"+routeToken(t, tables.keys, "a")+">, ", maxOwnRoutes), ", ")
	one := "Route: <sip:sip.example.net;lr>"
	for name, c := range map[string]struct {
		m    *wire.Message
		want verdict
	}{
		"as many as may be": {scan(t, "BYE", "sip:bob@198.51.100.7", route, "To: <sip:bob@example.com>;tag=b"), verdict{Action: "in-dialog"}},
		"one more":          {scan(t, "BYE", "sip:bob@198.51.100.7", route, one, "To: <sip:bob@example.com>;tag=b"), verdict{Action: "reject", Status: 400}},
		"one more, ACK":     {scan(t, "ACK", "sip:bob@198.51.100.7", route, one, "To: <sip:bob@example.com>;tag=b"), verdict{Action: "drop"}},
	} {
		if got, _ := decide(t, tables, c.m); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector changes what allocates")
	}
	tables := testTables(t)
	d := &Decision{}
	for name, m := range map[string]*wire.Message{
		"in-dialog BYE": scan(t, "BYE", "sip:bob@198.51.100.7", "Route: <"+routeToken(t, tables.keys, "a")+">"),
		"INVITE":        scan(t, "INVITE", "sip:bob@example.com"),
		"REGISTER":      scan(t, "REGISTER", "sip:example.com", "Contact: <sip:bob@198.51.100.7:5062>;expires=60;+sip.instance=\"<urn:x>\";a=b", "Supported: path", "Path: <sip:p.example;lr>"),
		"tel":           scan(t, "INVITE", "tel:*21#;phone-context=+1-201"),
		"Routes":        scan(t, "INVITE", "sip:+1-201@example.com;user=phone", "Route: <sip:bob@[::ffff:10.0.0.1];lr>, <sip:out.example.org;lr>"),
	} {
		tables.Decide(m, d)
		if n := testing.AllocsPerRun(200, func() { tables.Decide(m, d) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	tables := testTables(b)
	d := &Decision{}
	for name, m := range map[string]*wire.Message{
		"BYE":      scan(b, "BYE", "sip:bob@198.51.100.7", "Route: <"+routeToken(b, tables.keys, "a")+">"),
		"INVITE":   scan(b, "INVITE", "sip:bob@example.com"),
		"REGISTER": scan(b, "REGISTER", "sip:example.com", "Contact: <sip:bob@198.51.100.7:5062>;expires=60"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tables.Decide(m, d)
			}
		})
	}
}
