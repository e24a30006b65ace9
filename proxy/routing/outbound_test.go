package routing

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// TestRFC5626_6_OutboundRegistration: over a connection to us, or to an edge that says so,
// a registration is one of a flow; behind a proxy that keeps none it is refused.
func TestRFC5626_6_OutboundRegistration(t *testing.T) {
	tables := transportTables(t, 0)
	const contact, supported = `Contact: <sip:bob@192.0.2.1>;reg-id=1;+sip.instance="<urn:uuid:1>"`, "Supported: path, outbound"
	const edge, further = "Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKe, SIP/2.0/TLS 10.0.0.1;branch=z9hG4bKp", "Path: <sip:edge.example;lr;ob>"
	for name, tt := range map[string]struct {
		lines          []string
		connected, udp string
	}{
		"asked for":               {[]string{contact, supported}, "outbound", "registered"},
		"required":                {[]string{contact, "Require: outbound"}, "outbound", "registered"},
		"not supported":           {[]string{contact, "Supported: path"}, "registered", "registered"},
		"no reg-id":               {[]string{`Contact: <sip:bob@192.0.2.1>;+sip.instance="<urn:uuid:1>"`, supported}, "registered", "registered"},
		"no instance":             {[]string{"Contact: <sip:bob@192.0.2.1>;reg-id=1", supported}, "registered", "registered"},
		"a fetch":                 {[]string{supported}, "registered", "registered"},
		"a removal":               {[]string{contact, supported, "Expires: 0"}, "registered", "registered"},
		"one of two contacts":     {[]string{"Contact: <sip:bob@192.0.2.2>", contact, supported}, "outbound", "registered"},
		"by an edge":              {[]string{contact, supported, edge, further}, "outbound", "outbound"},
		"by an edge and others":   {[]string{contact, supported, edge, "Path: <sip:inner.example;lr>", further}, "outbound", "outbound"},
		"by an edge that is none": {[]string{contact, supported, edge, "Path: <sip:edge.example;lr>;ob"}, "439", "registered"},
		"by one without Path":     {[]string{contact, supported, edge}, "439", "registered"},
		"that does not ask":       {[]string{contact, edge}, "registered", "registered"},
	} {
		for over := range flow.Local {
			d := &Decision{From: flow.Flow{Transport: over}}
			tables.Decide(scan(t, "REGISTER", "sip:example.com", tt.lines...), d)
			got, want := "registered", tt.udp
			switch {
			case d.Action == Reject && d.Status == 439:
				got = "439"
			case d.Action != Register:
				t.Errorf("%s: %v (%s)", name, d.Action, d.Why)
			case d.Outbound:
				got = "outbound"
			}
			if over.Reliable() {
				want = tt.connected
			}
			if got != want {
				t.Errorf("%s over %v: %s, want %s", name, over, got, want)
			}
		}
	}
}
