package forward

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// allTransports are listeners of every transport, UDP and TCP at one port, and two of
// TLS.
var allTransports = []config.Listener{
	{Name: "udp"},
	{Name: "tcp", Protocol: "TCP", Port: 5060},
	{Name: "tls", Protocol: "TLS", Port: 5061},
	{Name: "ws", Protocol: "WS", Port: 8080},
	{Name: "wss", Protocol: "WSS", Port: 8443, Advertise: "browsers.example.net:443"},
	{Name: "trunks", Protocol: "TLS", Port: 5071},
}

// conn is a connection to an address: of this member, by a listener, or with none of
// another one.
func conn(t flow.Transport, remote string, listener uint16) flow.Flow {
	f := flow.Flow{Remote: address(remote), Transport: t, Listener: listener}
	if t.Reliable() {
		f.Conn, f.Owner, f.Life = 7, 3, 0xbeef
	}
	return f
}

// listenerOf is the number of the first listener of a transport.
func listenerOf(t flow.Transport) uint16 {
	return map[flow.Transport]uint16{flow.UDP: 5060, flow.TCP: 5060, flow.TLS: 5061, flow.WS: 8080, flow.WSS: 8443}[t]
}

// TestGoldenTransports: Via and Record-Route name what the other side is to use, and
// there are two of the latter where the sides differ (RFC 3261 16.6 step 4, RFC 5658 5,
// RFC 5630 5.3, RFC 7118 5.2.2).
func TestGoldenTransports(t *testing.T) {
	r := newRigOf(t, allTransports...)
	browser := change(invite, "SIP/2.0/UDP 192.0.2.10:5062", "SIP/2.0/WSS df7jal23ls0d.invalid", "alice@192.0.2.10:5062", "alice@df7jal23ls0d.invalid;transport=ws")
	secure := change(browser, "sip:bob@example.com SIP", "sips:bob@example.com SIP")
	notify := r.within(change(invite, "INVITE", "NOTIFY", "sip:bob@example.com SIP", "sip:bob@198.51.100.7:5070 SIP"),
		&token.Token{}, ", <sip:sip.example.net:5060;transport=tcp;lr>")
	bob := "sip:bob@198.51.100.7:5070"
	for name, tt := range map[string]struct {
		text          string
		came, leaving flow.Flow
		uri           string
	}{
		"transports-udp-to-tcp":       {invite, conn(flow.UDP, "192.0.2.10:5062", 5060), conn(flow.TCP, "198.51.100.7:40000", 5060), bob + ";transport=tcp"},
		"transports-tcp-to-tcp":       {change(invite, "SIP/2.0/UDP", "SIP/2.0/TCP"), conn(flow.TCP, "192.0.2.10:5062", 5060), conn(flow.TCP, "198.51.100.7:40000", 5060), bob},
		"transports-wss-to-udp":       {browser, conn(flow.WSS, "192.0.2.10:5062", 8443), conn(flow.UDP, "198.51.100.7:5070", 5060), bob},
		"transports-udp-to-wss":       {invite, conn(flow.UDP, "192.0.2.10:5062", 5060), conn(flow.WSS, "198.51.100.7:40000", 8443), "sip:bob@x.invalid;transport=ws"},
		"transports-another-member":   {browser, conn(flow.WSS, "192.0.2.10:5062", 0), conn(flow.TLS, "198.51.100.7:40000", 0), bob},
		"transports-listeners-of-tls": {invite, conn(flow.TLS, "192.0.2.10:5062", 5061), conn(flow.TLS, "198.51.100.7:40000", 5071), bob},
		"transports-sips":             {secure, conn(flow.WSS, "192.0.2.10:5062", 8443), conn(flow.TLS, "198.51.100.7:40000", 5061), "sips:bob@198.51.100.7"},
		"transports-notify":           {notify, conn(flow.TCP, "192.0.2.10:5062", 5060), conn(flow.TCP, "198.51.100.7:40000", 5060), bob},
		"transports-message":          {change(browser, "INVITE", "MESSAGE"), conn(flow.WSS, "192.0.2.10:5062", 8443), conn(flow.UDP, "198.51.100.7:5070", 5060), bob},
	} {
		t.Run(name, func(t *testing.T) {
			req := r.over(tt.text, tt.came)
			to := one(tt.uri, "198.51.100.7:5070")
			to.Next = tt.leaving
			if tt.leaving.Conn != 0 {
				to.Held, to.AOR, to.Instance, to.Group = tt.leaving, []byte("sip:bob@example.com"), 0xb0b, 0xb0b
			}
			golden(t, name, r.leaves(req, []targets.Target{to}))
		})
	}
}

// over is a request that came over a flow, of somebody who has registered over it.
func (r *rig) over(text string, from flow.Flow) *Request {
	r.t.Helper()
	req := r.request(text, from.Remote.String())
	req.From, req.Back = from, from
	req.CallerEnd = token.End{AOR: []byte("sip:alice@example.com"), Instance: 0xa11ce}
	return req
}

// TestRFC5658_5_BothRoutesAreTaken: whatever the transports of both sides, each end's
// requests within the dialog are known by their Routes at any member, both are taken off,
// and the token leads to the other end; also when a strict router has moved them.
func TestRFC5658_5_BothRoutesAreTaken(t *testing.T) {
	r := newRigOf(t, allTransports...)
	for came := range flow.Local {
		for leaving := range flow.Local {
			for _, uri := range []string{"sip:bob@198.51.100.7:5070", "sips:bob@198.51.100.7:5070"} {
				caller, callee := conn(came, "192.0.2.10:40000", listenerOf(came)), conn(leaving, "198.51.100.7:40000", listenerOf(leaving))
				to := one(uri, "198.51.100.7:5070")
				to.Next, to.Held = callee, callee
				routes := recordRoutes(r.leaves(r.over(invite, caller), []targets.Target{to}))
				if want := map[bool]int{true: 1, false: 2}[came == leaving]; len(routes) != want {
					t.Fatalf("%v to %v: %q", came, leaving, routes)
				}
				r.checkRoutes(routes, true, caller, callee)
				slices.Reverse(routes)
				r.checkRoutes(routes, false, caller, callee)
			}
		}
	}
}

// recordRoutes are the URIs of what leaves.
func recordRoutes(text string) (uris []string) {
	for _, line := range strings.Split(text, "\n") {
		if uri, ok := strings.CutPrefix(line, "Record-Route: "); ok {
			uris = append(uris, strings.Trim(uri, "<>"))
		}
	}
	return uris
}

// checkRoutes has the callee, or else the caller, send within the dialog.
func (r *rig) checkRoutes(routes []string, byCallee bool, caller, callee flow.Flow) {
	r.t.Helper()
	const remote = "sip:somebody@192.0.2.99"
	loose := fmt.Sprintf("BYE %s SIP/2.0\nRoute: <%s>\n", remote, strings.Join(routes, ">, <"))
	strict := fmt.Sprintf("BYE %s SIP/2.0\nRoute: <%s>\n", routes[0], strings.Join(append(slices.Clone(routes[1:]), remote), ">, <"))
	from, to := "a", "b"
	if byCallee {
		from, to = to, from
	}
	for kind, text := range map[string]string{"loose": loose, "strict": strict} {
		m := &wire.Message{}
		text += "Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKx\nFrom: <sip:x@y>;tag=" + from + "\nTo: <sip:y@x>;tag=" + to + "\nCall-ID: call-1\nCSeq: 2 BYE\n\n"
		if err := m.Scan([]byte(strings.ReplaceAll(text, "\n", "\r\n")), nil); err != nil {
			r.t.Fatal(err)
		}
		d := &routing.Decision{}
		if r.tables.Decide(m, d); d.Action != routing.InDialog || d.NextRoute != nil || d.ToCallee == byCallee {
			r.t.Fatalf("%s: %v (%s), next Route %q, to the callee %v, of\n%s", kind, d.Action, d.Why, d.NextRoute, d.ToCallee, text)
		}
		own := len(routes)
		if kind == "strict" {
			own--
		}
		if !d.Token.Caller.Equal(caller) || !d.Token.Callee.Equal(callee) || d.OwnRoutes != own || kind == "strict" && string(d.RequestURI) != remote {
			r.t.Errorf("%s: %d routes of ours, Request-URI %q, token %+v", kind, d.OwnRoutes, d.RequestURI, d.Token)
		}
	}
}

// The token says who has the connection at an end, and nothing of an end without one.
func TestTokenHoldsWhoHasAConnection(t *testing.T) {
	r := newRigOf(t, allTransports...)
	for came := range flow.Local {
		for leaving := range flow.Local {
			to := one("sip:bob@198.51.100.7:5070", "198.51.100.7:5070")
			to.Next, to.AOR, to.Instance = conn(leaving, "198.51.100.7:40000", 0), []byte("sip:bob@example.com"), 0xb0b
			req := r.over(invite, conn(came, "192.0.2.10:40000", 0))
			uri, err := wire.ParseURI([]byte(recordRoutes(r.leaves(req, []targets.Target{to}))[0]))
			if err != nil {
				t.Fatal(err)
			}
			var tok token.Token
			if err := r.keys.ParseToken(uri.User, []byte("call-1"), &tok); err != nil {
				t.Fatal(err)
			}
			for end, tt := range map[*token.End]struct {
				over flow.Transport
				want string
			}{&tok.CallerEnd: {came, "sip:alice@example.com a11ce"}, &tok.CalleeEnd: {leaving, "sip:bob@example.com b0b"}} {
				want := tt.want
				if tt.over == flow.UDP {
					want = " 0"
				}
				if got := fmt.Sprintf("%s %x", end.AOR, end.Instance); got != want {
					t.Errorf("%v to %v: %q, want %q", came, leaving, got, want)
				}
			}
		}
	}
}

// TestRFC3261_16_3_LoopOverEveryTransport: what has left over any transport and comes back
// as it was is a loop; with another Request-URI it has only passed here.
func TestRFC3261_16_3_LoopOverEveryTransport(t *testing.T) {
	r := newRigOf(t, allTransports...)
	for came := range flow.Local {
		for leaving := range flow.Local {
			to := one("sip:bob@198.51.100.7:5070", "198.51.100.7:5070")
			to.Next = conn(leaving, "198.51.100.7:40000", 0)
			text := r.leaves(r.over(invite, conn(came, "192.0.2.10:40000", 0)), []targets.Target{to})
			_, text, _ = strings.Cut(text, "\n")
			for uri, want := range map[string]string{"sip:bob@example.com": "reject 482 1", "sip:carol@example.com": "lookup 0 1"} {
				m := &wire.Message{}
				back := strings.ReplaceAll(change(text, "sip:bob@198.51.100.7:5070 SIP", uri+" SIP"), "\n", "\r\n")
				if err := m.Scan([]byte(back), nil); err != nil {
					t.Fatal(err)
				}
				d := &routing.Decision{From: conn(leaving, "198.51.100.7:40000", 0)}
				r.tables.Decide(m, d)
				if got := fmt.Sprint(d.Action, d.Status, " ", d.Passes); got != want {
					t.Errorf("%v to %v, back for %s: %s, want %s", came, leaving, uri, got, want)
				}
			}
		}
	}
}
