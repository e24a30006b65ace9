package routing

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
)

// transportTables are those of member i of a cluster with a listener of every transport.
func transportTables(t *testing.T, i int) *Tables {
	t.Helper()
	c := &config.Config{
		Cluster: "test", Domains: []string{"example.com"}, Advertise: "sip.example.net",
		Listeners: []config.Listener{
			{Name: "udp"},
			{Name: "tcp", Protocol: "TCP", Port: 5060},
			{Name: "tls", Protocol: "TLS", Port: 5061},
			{Name: "ws", Protocol: "WS", Port: 8080},
			{Name: "wss", Protocol: "WSS", Port: 8443, Advertise: "browsers.example.net:443"},
			{Name: "trunks", Protocol: "TLS", Port: 5071, Advertise: "192.0.2.9:5061"},
		},
	}
	c.ApplyDefaults()
	set := &config.MemberSet{Members: []config.Member{{ID: 1, Name: "a", Address: "10.0.0.1"}, {ID: 2, Name: "b", Address: "10.0.0.2"}}}
	self := netip.AddrPortFrom(netip.MustParseAddr(set.Members[i].Address), 5060)
	tables, err := NewTables(c, set, self, testKeys(t, 1), Checks{})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func TestListenersOfTables(t *testing.T) {
	tables := transportTables(t, 0)
	var got []string
	for _, l := range tables.Listeners() {
		got = append(got, fmt.Sprint(l.Transport, l.Number, " ", l.SentBy))
	}
	want := "UDP 5060 sip.example.net:5060, TCP 5060 sip.example.net:5060, TLS 5061 sip.example.net:5061, WS 8080 sip.example.net:8080, WSS 8443 browsers.example.net:443, TLS 5071 192.0.2.9:5061"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
	for over := range flow.Transports + 2 {
		if tables.Carries(over) != (over < flow.Local) || testTables(t).Carries(over) != (over == flow.UDP) {
			t.Errorf("%v", over)
		}
	}
}

// TestRFC3261_16_4_WhatNamesUsOverEveryTransport: whatever a Route of ours names, also at
// the port that a URI for TLS has without one, at every member.
func TestRFC3261_16_4_WhatNamesUsOverEveryTransport(t *testing.T) {
	for i := range 2 {
		tables := transportTables(t, i)
		for route, want := range map[string]int{
			"<sip:sip.example.net:5060;transport=tcp;lr>": 1, "<sip:sip.example.net:5061;transport=tls;lr>": 1, "<sips:sip.example.net:5061;lr>": 1,
			"<sips:sip.example.net;lr>": 1, "<sip:sip.example.net;transport=tls;lr>": 1, "<sip:browsers.example.net:443;transport=ws;lr>": 1,
			"<sips:browsers.example.net:443;transport=ws;lr>": 1, "<sips:192.0.2.9;lr>": 1, "<sip:192.0.2.9;transport=TLS;lr>": 1, "<sips:192.0.2.9:5061;lr>": 1,
			"<sip:10.0.0.1:5061;transport=tls;lr>": 1, "<sip:10.0.0.2:8443;transport=ws;lr>": 1, "<sips:example.com;lr>": 1, "<sips:example.com:5061;lr>": 1,
			"<sip:192.0.2.9;lr>": 0, "<sips:192.0.2.9:5062;lr>": 0, "<sip:sip.example.net:443;transport=ws;lr>": 0, "<sip:192.0.2.10:5061;transport=tls;lr>": 0,
		} {
			_, d := decide(t, tables, scan(t, "INVITE", "sip:bob@example.com", "Route: "+route))
			if d.OwnRoutes != want || (d.NextRoute == nil) != (want == 1) {
				t.Errorf("member %d: %s: %d of ours, next %q", i, route, d.OwnRoutes, d.NextRoute)
			}
		}
	}
}

// TestRFC5630_5_3_SIPS: what is for a SIPS URI came over TLS, or is refused.
func TestRFC5630_5_3_SIPS(t *testing.T) {
	tables := transportTables(t, 0)
	for uri, tt := range map[string]struct{ secure, plain string }{
		"sips:bob@example.com":          {"lookup sips", "reject 480 Warning: 380 sipring \"SIPS Not Allowed\""},
		"sips:bob@192.0.2.77":           {"contact sips", "reject 404"},
		"sips:bob@x.invalid":            {"contact sips", "reject 404"},
		"sip:bob@example.com":           {"lookup", "lookup"},
		"sip:bob@example.com;transport": {"lookup", "lookup"},
		"sip:bob@192.0.2.77":            {"contact", "contact"},
	} {
		for over := range flow.Local {
			d := &Decision{From: flow.Flow{Transport: over}}
			tables.Decide(scan(t, "INVITE", uri), d)
			got := d.Action.String()
			if d.Action == Reject {
				got = strings.TrimSpace(fmt.Sprint(got, " ", d.Status, " ", string(d.Extra)))
			} else if d.SIPS() {
				got += " sips"
			}
			want := tt.plain
			if over.Secure() {
				want = tt.secure
			}
			if got != want || d.SIPS() != (len(d.Unreached()) > 0) {
				t.Errorf("%s over %v: %s, want %s", uri, over, got, want)
			}
		}
	}
}

// A token is one in a SIPS URI, too (RFC 3261 16.6 step 4).
func TestTokenInASIPSURI(t *testing.T) {
	tables := transportTables(t, 1)
	tok := &token.Token{CallerTag: token.HashTag([]byte("a"))}
	user := string(tables.keys.AppendToken(nil, tok, []byte("c1")))
	_, d := decide(t, tables, scan(t, "BYE", "sips:bob@192.0.2.4", "To: <sip:bob@example.com>;tag=b",
		"Route: <sips:"+user+"@browsers.example.net:443;transport=ws;lr>, <sips:"+user+"@sip.example.net:5061;lr>"))
	if d.Action != InDialog || d.OwnRoutes != 2 || d.NextRoute != nil || !d.ToCallee {
		t.Errorf("%v (%s), %d routes of ours, next %q", d.Action, d.Why, d.OwnRoutes, d.NextRoute)
	}
	_, d = decide(t, tables, scan(t, "BYE", "sips:"+user+"@sip.example.net:5061;lr", "To: <sip:bob@example.com>;tag=b",
		"Route: <sips:"+user+"@browsers.example.net:443;transport=ws;lr>, <sips:bob@192.0.2.4>"))
	if d.Action != InDialog || string(d.RequestURI) != "sips:bob@192.0.2.4" || d.OwnRoutes != 1 {
		t.Errorf("after a strict router: %v (%s), Request-URI %q", d.Action, d.Why, d.RequestURI)
	}
}
