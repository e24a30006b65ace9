package targets

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
)

// everywhere are tables with listeners of these protocols.
func everywhere(t fatal, protocols ...string) *routing.Tables {
	keys, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{1}}})
	if err != nil {
		t.Fatalf("keys: %v", err)
	}
	c := config.Config{Cluster: "test", Domains: []string{"example.com"}}
	for i, p := range protocols {
		c.Listeners = append(c.Listeners, config.Listener{Name: p, Protocol: p, Port: 5060 + i})
	}
	c.ApplyDefaults()
	out, err := routing.NewTables(&c, nil, netip.MustParseAddrPort("192.0.2.100:5060"), keys, routing.Checks{})
	if err != nil {
		t.Fatalf("tables: %v", err)
	}
	return out
}

// over is a connection of member 2.
func over(t flow.Transport, n uint64) flow.Flow {
	return flow.Flow{Remote: netip.MustParseAddrPort("203.0.113.9:40001"), Conn: n, Owner: 2, Life: 5, Transport: t}
}

func flowed(uri string, f flow.Flow) location.Update {
	return with(registered(uri, ""), func(u *location.Update) { u.Flow = f })
}

func pathed(uri, path string, f flow.Flow) location.Update {
	return with(flowed(uri, f), func(u *location.Update) { u.Path = []byte(path) })
}

// What one binding makes for a request to a SIP URI, and to a SIPS URI, where every
// transport is served.
func TestTargetsOfEveryTransport(t *testing.T) {
	all := everywhere(t, "UDP", "TCP", "TLS", "WS", "WSS")
	for name, tt := range map[string]struct {
		u         location.Update
		sip, sips string
	}{
		// RFC 3263 4.1
		"a URI of TCP":            {registered("sip:bob@192.0.2.4;transport=tcp", ""), "sip:bob@192.0.2.4;transport=tcp to TCP 192.0.2.4:5060", ""},
		"a URI of TLS":            {registered("sip:bob@192.0.2.4;transport=tls", ""), "sip:bob@192.0.2.4;transport=tls to TLS 192.0.2.4:5061", ""},
		"a URI of SCTP":           {registered("sip:bob@192.0.2.4;transport=sctp", ""), "", ""},
		"TCP, but heard over UDP": {flowed("sip:bob@10.0.0.4;transport=tcp", behindNAT), "", ""},
		// RFC 5626 3, RFC 7118 5: over the connection alone, whatever the URI says
		"a connection":            {flowed("sip:bob@10.0.0.4", over(flow.TCP, 7)), "sip:bob@10.0.0.4 to TCP 203.0.113.9:40001 held", ""},
		"one, at another address": {flowed("sip:bob@192.0.2.4;transport=udp", over(flow.TLS, 7)), "sip:bob@192.0.2.4;transport=udp to TLS 203.0.113.9:40001 held", ""},
		"a browser":               {flowed("sip:bob@df7jal23ls0d.invalid;transport=ws", over(flow.WSS, 7)), "sip:bob@df7jal23ls0d.invalid;transport=ws to WSS 203.0.113.9:40001 held", ""},
		"our own address":         {flowed("sip:bob@192.0.2.100;transport=ws", over(flow.WS, 7)), "sip:bob@192.0.2.100;transport=ws to WS 203.0.113.9:40001 held", ""},
		"another AOR of ours":     {flowed("sip:alice@example.com", over(flow.WS, 7)), "sip:alice@example.com to UDP invalid AddrPort", ""},
		"its own AOR":             {flowed("sip:bob@Example.com", over(flow.WS, 7)), "sip:bob@Example.com to WS 203.0.113.9:40001 held", ""},
		"an AOR by way of others": {pathed("sip:alice@example.com", "<sip:edge.example;lr>", over(flow.WS, 7)), "sip:alice@example.com to WS 203.0.113.9:40001 held path <sip:edge.example;lr>", ""},
		"a browser, elsewhere":    {registered("sip:bob@df7jal23ls0d.invalid;transport=ws", ""), "sip:bob@df7jal23ls0d.invalid;transport=ws to WS df7jal23ls0d.invalid invalid AddrPort failed", ""},
		// RFC 5630 5.3: SIPS to SIPS; SIP to SIPS as SIP, over TLS all the same
		"a SIPS URI":               {registered("sips:bob@192.0.2.4", ""), "sip:bob@192.0.2.4 to TLS 192.0.2.4:5061", "sips:bob@192.0.2.4 to TLS 192.0.2.4:5061"},
		"a SIPS URI over TLS":      {flowed("SIPS:bob@10.0.0.4;x", over(flow.TLS, 7)), "sip:bob@10.0.0.4;x to TLS 203.0.113.9:40001 held", "SIPS:bob@10.0.0.4;x to TLS 203.0.113.9:40001 held"},
		"a SIPS URI over WSS":      {flowed("sips:bob@x.invalid;transport=ws", over(flow.WSS, 7)), "sip:bob@x.invalid;transport=ws to WSS 203.0.113.9:40001 held", "sips:bob@x.invalid;transport=ws to WSS 203.0.113.9:40001 held"},
		"a SIPS URI over TCP":      {flowed("sips:bob@10.0.0.4", over(flow.TCP, 7)), "", ""},
		"a SIPS URI over WS":       {flowed("sips:bob@x.invalid;transport=ws", over(flow.WS, 7)), "", ""},
		"a SIPS URI heard of UDP":  {flowed("sips:bob@10.0.0.4", behindNAT), "", ""},
		"a SIPS URI of UDP":        {registered("sips:bob@192.0.2.4;transport=udp", ""), "", ""},
		"a SIP URI over TLS":       {flowed("sip:bob@10.0.0.4", over(flow.TLS, 7)), "sip:bob@10.0.0.4 to TLS 203.0.113.9:40001 held", ""},
		"an AOR of ours, for SIPS": {registered("sip:alice@example.com", ""), "sip:alice@example.com to UDP invalid AddrPort", ""},
		"a SIPS AOR of ours":       {registered("sips:alice@example.com", ""), "sip:alice@example.com to UDP invalid AddrPort", "sips:alice@example.com to UDP invalid AddrPort"},
		// RFC 3327 5.4, RFC 5626 5.3: over the flow to the first hop
		"a Path over a connection":   {pathed("sip:bob@10.0.0.4", "<sip:edge.example;lr>", over(flow.TCP, 7)), "sip:bob@10.0.0.4 to TCP 203.0.113.9:40001 held path <sip:edge.example;lr>", ""},
		"a Path of TCP":              {pathed("sip:bob@10.0.0.4", "<sip:192.0.2.1;transport=tcp;lr>", flow.Flow{}), "sip:bob@10.0.0.4 to TCP 192.0.2.1:5060 path <sip:192.0.2.1;transport=tcp;lr>", ""},
		"a Path of TCP heard by UDP": {pathed("sip:bob@10.0.0.4", "<sip:192.0.2.1;transport=tcp;lr>", behindNAT), "", ""},
		"a strict one, connected":    {pathed("sip:bob@10.0.0.4", "<sip:edge.example>", over(flow.TCP, 7)), "sip:bob@10.0.0.4 to TCP 203.0.113.9:40001 held path <sip:edge.example> strict sip:edge.example", ""},
		"SIPS by a SIP Path":         {pathed("sips:bob@10.0.0.4", "<sip:192.0.2.1;lr>", over(flow.TLS, 7)), "", ""},
		"SIPS, further on SIP":       {pathed("sips:bob@10.0.0.4", "<sips:192.0.2.1;lr>, <sip:192.0.2.2;lr>", over(flow.TLS, 7)), "", ""},
		"SIPS by a SIPS Path":        {pathed("sips:bob@10.0.0.4", "<sips:192.0.2.1;lr>", flow.Flow{}), "sip:bob@10.0.0.4 to TLS 192.0.2.1:5061 path <sips:192.0.2.1;lr>", "sips:bob@10.0.0.4 to TLS 192.0.2.1:5061 path <sips:192.0.2.1;lr>"},
		"a SIPS Path over TCP":       {pathed("sip:bob@10.0.0.4", "<sips:192.0.2.1;lr>", over(flow.TCP, 7)), "", ""},
	} {
		r := record(t, tt.u)
		for sips, want := range map[bool]string{false: tt.sip, true: tt.sips} {
			got := ""
			if list := AppendBindings(nil, r, now+10, all, routing.Callee{SIPS: sips}); len(list) > 0 {
				got = show(list)[0]
			}
			if got != want {
				t.Errorf("%s, for a SIPS URI %v: %q, want %q", name, sips, got, want)
			}
		}
	}
}

// A transport without a listener is none, but a connection is there (RFC 3261 18.1).
func TestTargetsOfWhatIsNotServed(t *testing.T) {
	r := record(t, registered("sip:bob@192.0.2.4;transport=tcp", ""), registered("sips:bob@192.0.2.4", ""), registered("sip:bob@192.0.2.4", ""), flowed("sip:bob@10.0.0.4", over(flow.TLS, 7)))
	for protocol, want := range map[string][]string{
		"UDP": {"sip:bob@10.0.0.4 to TLS 203.0.113.9:40001 held", "sip:bob@192.0.2.4 to UDP 192.0.2.4:5060"},
		"TCP": {"sip:bob@10.0.0.4 to TLS 203.0.113.9:40001 held", "sip:bob@192.0.2.4;transport=tcp to TCP 192.0.2.4:5060"},
		"TLS": {"sip:bob@10.0.0.4 to TLS 203.0.113.9:40001 held", "sip:bob@192.0.2.4 to TLS 192.0.2.4:5061"},
	} {
		if diff := cmp.Diff(want, show(AppendBindings(nil, r, now+10, everywhere(t, protocol), routing.Callee{}))); diff != "" {
			t.Errorf("%s alone: -want +got:\n%s", protocol, diff)
		}
	}
}

// TestRFC5626_5_3_DialogOverAConnection: an end with a connection is reached over that,
// whatever its Request-URI or a Route says, but a SIPS URI over TLS alone (RFC 5630 5.3).
func TestRFC5626_5_3_DialogOverAConnection(t *testing.T) {
	all := everywhere(t, "UDP", "TCP", "TLS", "WS", "WSS")
	phone := &token.Token{Callee: over(flow.TLS, 7), CalleeNAT: true, Made: 1}
	plain := &token.Token{Callee: over(flow.TCP, 7), CalleeNAT: true, Made: 1}
	browser := &token.Token{Callee: over(flow.WSS, 7), CalleeNAT: true, Made: 1}
	trunk := &token.Token{Callee: over(flow.TCP, 7), Made: 1} // of a proxy, which may be reached otherwise
	udp := &token.Token{Callee: behindNAT, CalleeNAT: true, Made: 1}
	to := func(tok *token.Token, uri string) routing.Decision {
		return routing.Decision{Token: tok, ToCallee: true, RequestURI: []byte(uri)}
	}
	route := func(tok *token.Token, uri string, loose bool) routing.Decision {
		return routing.Decision{Token: tok, ToCallee: true, RequestURI: []byte("sip:bob@10.0.0.4"), NextRoute: []byte(uri), Loose: loose}
	}
	const held = " to TLS 203.0.113.9:40001 held"
	for name, tt := range map[string]struct {
		d    routing.Decision
		want string
	}{
		"its Contact":                  {to(phone, "sip:bob@10.0.0.4;transport=tls"), held},
		"one of another transport":     {to(phone, "sip:bob@10.0.0.4"), held},
		"one of SCTP":                  {to(phone, "sip:bob@10.0.0.4;transport=sctp"), held},
		"one that does not resolve":    {to(browser, "sip:bob@df7jal23ls0d.invalid;transport=ws"), " to WSS 203.0.113.9:40001 held"},
		"a stranger's":                 {to(phone, "sip:eve@192.0.2.66"), held},
		"of tel":                       {to(phone, "tel:+1201"), held},
		"no URI of telephony":          {to(phone, "mailto:bob@example.com"), " to UDP invalid AddrPort failed"},
		"a SIPS URI":                   {to(phone, "sips:bob@10.0.0.4"), held},
		"a SIPS URI over TCP":          {to(plain, "sips:bob@10.0.0.4"), " to TCP 203.0.113.9:40001 failed held"},
		"a Route":                      {route(phone, "sip:192.0.2.66;lr", true), held},
		"a strict Route":               {route(phone, "sip:192.0.2.66", false), held + " strict sip:192.0.2.66"},
		"of a proxy, a Route to it":    {route(trunk, "sip:203.0.113.9;transport=tcp;lr", true), " to TCP 203.0.113.9:5060"},
		"of a proxy, another Route":    {route(trunk, "sip:192.0.2.66;transport=tcp;lr", true), " to TCP 203.0.113.9:40001 held"},
		"of a proxy, a browser's name": {to(trunk, "sip:bob@x.invalid;transport=ws"), " to TCP 203.0.113.9:40001 held moved"},
		"of a proxy, SIPS elsewhere":   {to(trunk, "sips:bob@192.0.2.66"), " to TCP 203.0.113.9:40001 failed held moved"},
		"UDP, then TCP":                {to(udp, "sip:bob@10.0.0.4;transport=tcp"), " to UDP 203.0.113.9:40000 held moved"},
		"UDP, then SIPS":               {to(udp, "sips:bob@10.0.0.4"), " to UDP 203.0.113.9:40000 failed held moved"},
		"UDP, then TCP at the address": {to(udp, "sip:bob@203.0.113.9;transport=tcp"), " to TCP 203.0.113.9:5060"},
	} {
		target, moved := OfDialog(nil, &tt.d, all, false)
		got := show([]Target{target})[0]
		if moved {
			got += " moved"
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	d := to(trunk, "sip:bob@x.invalid;transport=ws")
	if target, _ := OfDialog(nil, &d, all, true); target.Failed || target.Held != trunk.Callee {
		t.Errorf("who may go anywhere does not come back to a browser: %s", show([]Target{target}))
	}
}

// TestRFC5626_4_2_EndThatLostItsFlow: it is found where it has registered since.
func TestRFC5626_4_2_EndThatLostItsFlow(t *testing.T) {
	all := everywhere(t, "UDP", "TCP", "TLS", "WS", "WSS")
	const one, two = "<urn:uuid:1>", "<urn:uuid:2>"
	lost := over(flow.TLS, 7)
	reg := func(uri, instance string, f flow.Flow) location.Update {
		return with(registered(uri, instance), func(u *location.Update) { u.Flow = f; u.Contacts[0].RegID = 0 })
	}
	flowOf := func(regID uint32, u location.Update) location.Update { u.Contacts[0].RegID = regID; return u }
	end := func(instance string) token.End {
		if instance == "" {
			return token.End{}
		}
		return token.End{Instance: xxhash.Sum64String(instance)}
	}
	for name, tt := range map[string]struct {
		end    token.End
		remote string
		record []location.Update
		want   string
	}{
		"its instance again":            {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.5", one, over(flow.TLS, 8))}, " to TLS 203.0.113.9:40001 held"},
		"beside the lost one":           {end(one), "sip:bob@10.0.0.4", []location.Update{flowOf(1, reg("sip:bob@10.0.0.5", one, over(flow.WSS, 8))), flowOf(2, reg("sip:bob@10.0.0.4", one, lost))}, " to WSS 203.0.113.9:40001 held"},
		"the lost one alone":            {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.4", one, lost)}, ""},
		"the newest of two":             {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.5", one, over(flow.TLS, 8)), reg("sip:bob@10.0.0.6", one, over(flow.TCP, 9))}, " to TCP 203.0.113.9:40001 held"},
		"over UDP":                      {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@192.0.2.5", one, flow.Flow{})}, " to UDP 192.0.2.5:5060"},
		"another instance":              {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.4", two, over(flow.TLS, 8))}, ""},
		"one of none":                   {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.4", "", over(flow.TLS, 8))}, ""},
		"without, its contact":          {end(""), "sip:b%6fb@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.4", "", over(flow.TLS, 8)), reg("sip:bob@10.0.0.9", "", over(flow.TCP, 9))}, " to TLS 203.0.113.9:40001 held"},
		"without, the only one":         {end(""), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@x.invalid", "", over(flow.WS, 8)), reg("sip:bob@y.invalid", "", lost)}, " to WS 203.0.113.9:40001 held"},
		"without, one of two":           {end(""), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@x.invalid", "", over(flow.WS, 8)), reg("sip:bob@y.invalid", "", over(flow.WS, 9))}, ""},
		"by way of a proxy":             {end(one), "sip:bob@10.0.0.4", []location.Update{with(reg("sip:bob@10.0.0.4", one, over(flow.TLS, 8)), func(u *location.Update) { u.Path = []byte("<sip:p.example;lr>") })}, " to TLS 203.0.113.9:40001 held"},
		"by way of a proxy, SIPS":       {end(one), "sips:bob@10.0.0.4", []location.Update{with(reg("sips:bob@10.0.0.4", one, over(flow.TCP, 8)), func(u *location.Update) { u.Path = []byte("<sip:p.example;lr>") })}, ""},
		"by way of a proxy on UDP":      {end(one), "sip:bob@10.0.0.4", []location.Update{with(reg("sip:bob@10.0.0.4", one, behindNAT), func(u *location.Update) { u.Path = []byte("<sip:p.example;lr>") })}, ""},
		"SIPS, and SIP now":             {end(one), "sips:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.4", one, over(flow.TLS, 8))}, ""},
		"SIPS":                          {end(one), "sips:bob@10.0.0.4", []location.Update{reg("sips:bob@10.0.0.5", one, over(flow.TLS, 8))}, " to TLS 203.0.113.9:40001 held"},
		"an address-of-record of ours":  {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:alice@example.com", one, flow.Flow{})}, ""},
		"nobody":                        {end(one), "sip:bob@10.0.0.4", nil, ""},
		"without, nobody":               {end(""), "sip:bob@10.0.0.4", nil, ""},
		"a transport that is no more":   {end(one), "sip:bob@10.0.0.4", []location.Update{reg("sip:bob@10.0.0.4;transport=sctp", one, flow.Flow{})}, ""},
		"without, its contact, by UDP":  {end(""), "sip:bob@192.0.2.4", []location.Update{reg("sip:bob@192.0.2.4", "", flow.Flow{})}, " to UDP 192.0.2.4:5060"},
		"without, the only one, by UDP": {end(""), "sip:bob@x.invalid", []location.Update{reg("sip:bob@192.0.2.4", "", behindNAT)}, " to UDP 203.0.113.9:40000 held"},
	} {
		before := Target{Held: lost, Failed: true}
		after := before
		found := after.Rehome(record(t, tt.record...), now+10, all, tt.end, []byte(tt.remote), lost.Equal)
		if got := show([]Target{after})[0]; found != (tt.want != "") || found && got != tt.want {
			t.Errorf("%s: %v, %q, want %q", name, found, got, tt.want)
		}
		if !found && !cmp.Equal(before, after, cmp.AllowUnexported(Target{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })) {
			t.Errorf("%s: not found, but changed", name)
		}
	}
	if r := record(t, reg("sip:bob@10.0.0.5", one, over(flow.TLS, 8))); (&Target{Held: lost}).Rehome(r, now+1_000_000_000, all, end(one), []byte("sip:bob@10.0.0.4"), lost.Equal) {
		t.Error("to a binding that is over")
	}
}

// A target says whose binding it is, also after further lookups.
func TestTargetsSayWhoseTheyAre(t *testing.T) {
	list, _ := domain{"root": {"sip:1@example.com", "sip:root@192.0.2.1"}, "1": {"sip:one@192.0.2.1"}}.resolve(t, &Chain{}, "root")
	for i := range list {
		want := map[string]string{"sip:root@192.0.2.1": "sip:root@example.com", "sip:one@192.0.2.1": "sip:1@example.com"}[string(list[i].URI)]
		if !bytes.Equal(list[i].AOR, []byte(want)) {
			t.Errorf("%s is of %q, want %q", list[i].URI, list[i].AOR, want)
		}
	}
	if len(list) != 2 {
		t.Errorf("%d targets", len(list))
	}
}

// A request for a contact by SIPS goes to that one alone, and to no SIP contact.
func TestRFC5630_5_3_ContactOfASIPSURI(t *testing.T) {
	all := everywhere(t, "UDP", "TLS")
	r := record(t, registered("sips:bob@192.0.2.9", ""), registered("sip:bob@192.0.2.9", ""))
	for uri, want := range map[string]string{"sips:bob@192.0.2.9": " to TLS 192.0.2.9:5061", "sip:bob@192.0.2.9": " to UDP 192.0.2.9:5060"} {
		list, ok := AppendContact(nil, r, now+10, all, []byte(uri))
		if !ok || len(list) != 1 || show(list)[0] != want {
			t.Errorf("%s: %v, %q", uri, ok, show(list))
		}
	}
}
