package forward

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// Requests within a dialog go to its caller by way of whoever sent the INVITE: over
// that very flow where the caller is behind NAT and sent it itself.
func TestCallerWay(t *testing.T) {
	r := newRig(t)
	for name, tt := range map[string]struct {
		via, more string
		want      string
		nat       bool
	}{
		"a phone":                          {"192.0.2.10:5062;rport", "", "192.0.2.10:40000", false},
		"one that wants no rport":          {"192.0.2.10:5062", "", "192.0.2.10:5062", false},
		"behind NAT":                       {"10.0.0.10:5062", "", "192.0.2.10:40000", true},
		"a proxy before it":                {"192.0.2.10:5062", "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKb\n", "192.0.2.10:5062", false},
		"a proxy behind NAT before it":     {"10.0.0.1:5062", "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKb\n", "192.0.2.10:40000", false},
		"a proxy that hides it behind NAT": {"10.0.0.1:5062", "Record-Route: <sip:10.0.0.1;lr>\n", "192.0.2.10:40000", false},
	} {
		req := r.request("INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP "+tt.via+";branch=z9hG4bKa\n"+tt.more+
			"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>\nCall-ID: c\nCSeq: 1 INVITE\n\n", "192.0.2.10:40000")
		if way, nat := (&Names{}).callerWay(req); !way.Equal(flow.OverUDP(address(tt.want))) || nat != tt.nat {
			t.Errorf("%s: %s, behind NAT %v; want %s, %v", name, way.Remote, nat, tt.want, tt.nat)
		}
	}
}

// A user agent on a connection is reached over that alone (RFC 7118 5); of who is behind
// another proxy the Routes say more.
func TestCallerWayOverAConnection(t *testing.T) {
	r := newRig(t)
	from := flow.Flow{Remote: address("192.0.2.10:40000"), Conn: 7, Owner: 3, Life: 9}
	for name, tt := range map[string]struct {
		via, more string
		over      flow.Transport
		nat       bool
	}{
		"a phone":         {"TCP 192.0.2.10:5062", "", flow.TCP, true},
		"behind NAT":      {"TLS 10.0.0.10", "", flow.TLS, true},
		"a browser":       {"WSS df7jal23ls0d.invalid", "", flow.WSS, true},
		"a proxy":         {"TCP 192.0.2.10", "Record-Route: <sip:192.0.2.10;transport=tcp;lr>\n", flow.TCP, false},
		"one that hides":  {"TCP 192.0.2.10", "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKb\n", flow.TCP, false},
		"a proxy on NATs": {"TCP 10.0.0.1", "Record-Route: <sip:10.0.0.1;lr>\n", flow.TCP, false},
	} {
		req := r.request("INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/"+tt.via+";branch=z9hG4bKa\n"+tt.more+
			"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>\nCall-ID: c\nCSeq: 1 INVITE\n\n", "192.0.2.10:40000")
		from.Transport = tt.over
		req.From, req.Back = from, from
		if way, nat := (&Names{}).callerWay(req); way != from || nat != tt.nat {
			t.Errorf("%s: %+v, that alone %v; want %v", name, way, nat, tt.nat)
		}
	}
}

// TestRFC5626_4_3_OB: a phone that says so is reached over the flow of its INVITE, also
// where no NAT is between; of who is behind another proxy the Routes say more.
func TestRFC5626_4_3_OB(t *testing.T) {
	r := newRig(t)
	for name, tt := range map[string]struct {
		contact, more string
		nat           bool
	}{
		"ob":               {"<sip:alice@192.0.2.10:5062;ob>", "", true},
		"in other case":    {"<sip:alice@192.0.2.10:5062;x;OB>;expires=5", "", true},
		"none":             {"<sip:alice@192.0.2.10:5062;obx>;ob", "", false},
		"of the header":    {"sip:alice@192.0.2.10:5062;ob", "", false},
		"no Contact":       {"", "", false},
		"a proxy between":  {"<sip:alice@192.0.2.10:5062;ob>", "Via: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bKb\n", false},
		"one that records": {"<sip:alice@192.0.2.10:5062;ob>", "Record-Route: <sip:10.0.0.1;lr>\n", false},
		"no URI":           {"<sip:alice@>", "", false},
	} {
		if tt.contact != "" {
			tt.more += "Contact: " + tt.contact + "\n"
		}
		req := r.request("INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bKa\n"+tt.more+
			"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>\nCall-ID: c\nCSeq: 1 INVITE\n\n", "192.0.2.10:40000")
		want := map[bool]string{true: "192.0.2.10:40000", false: "192.0.2.10:5062"}[tt.nat]
		if way, nat := (&Names{}).callerWay(req); !way.Equal(flow.OverUDP(address(want))) || nat != tt.nat {
			t.Errorf("%s: %s, that alone %v", name, way.Remote, nat)
		}
	}
}
