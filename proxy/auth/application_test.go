package auth

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
)

// TestApplicationIsTrusted: what comes from the application beside the proxy is not
// challenged and may be from anybody; what comes from its address over UDP is.
func TestApplicationIsTrusted(t *testing.T) {
	r := newRig(t)
	m := scan("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKa\r\nFrom: <sip:alice@example.com>;tag=a\r\n" +
		"To: <sip:bob@example.com>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nP-Asserted-Identity: <sip:carol@example.com>\r\n\r\n")
	for from, want := range map[flow.Flow]routing.Action{
		flow.ToLocal(3, 5080): routing.Lookup, flow.OverUDP(netip.MustParseAddrPort("127.0.0.1:5080")): routing.Reject,
	} {
		d := routing.Decision{From: from, Hour: 1, Now: 1, Unix: unix}
		r.tables.Decide(m, &d)
		if d.Action != want || want == routing.Lookup && (string(d.Identity) != "sip:carol@example.com" || len(d.Strip) > 0) {
			t.Errorf("over %v: %v %d, identity %q, %v taken off", from.Transport, d.Action, d.Status, d.Identity, d.Strip)
		}
	}
}
