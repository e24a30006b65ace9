package routing

import (
	"bytes"
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

// FuzzDecide: whatever a request says, deciding does not panic, an ACK is never
// answered, and nothing is routed that neither is for a user of ours nor holds a
// token that verifies.
func FuzzDecide(f *testing.F) {
	tables := testTables(f)
	for _, m := range []*wire.Message{
		scan(f, "INVITE", "sip:bob@example.com", "Route: <sip:sip.example.net;lr>", "Max-Forwards: 3"),
		scan(f, "BYE", "sip:bob@198.51.100.7", "Route: <"+routeToken(f, tables.keys, "a")+">, <sip:p.example;lr>"),
		scan(f, "BYE", routeToken(f, tables.keys, "a"), "Route: <sip:p.example>", "Route: <sip:bob@198.51.100.7>"),
		scan(f, "REGISTER", "sip:example.com", `Contact: <sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>";reg-id=2;q=0.3;x="a;b", *`, "Expires: 0"),
		scan(f, "ACK", "tel:+1-201", "Proxy-Require: a, b"),
		scan(f, "OPTIONS", "sips:[2001:db8::1]:5061;maddr=1.2.3.4", "Max-Forwards: 0"),
	} {
		f.Add(m.Raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m wire.Message
		if m.Scan(data, nil) != nil || !m.IsRequest() || m.Validate() != nil {
			return
		}
		d := &Decision{}
		tables.Decide(&m, d)
		switch d.Action {
		case Reject, Options:
			if m.Method() == wire.MethodAck {
				t.Fatalf("an ACK is answered: %s", d.Why)
			}
			if d.Status < 200 || d.Status > 699 || bytes.ContainsAny([]byte(d.Reason), "\r\n") {
				t.Fatalf("%d %q", d.Status, d.Reason)
			}
			if n := len(d.Extra); n > 0 && !bytes.HasSuffix(d.Extra, []byte("\r\n")) {
				t.Fatalf("extra lines do not end: %q", d.Extra)
			}
		case Lookup, Register:
			uri, err := wire.ParseURI(d.AOR)
			if err != nil || !tables.Serves(uri.Host) {
				t.Fatalf("AOR %q is not ours: %v", d.AOR, err)
			}
			if d.NextRoute != nil && d.Action == Register {
				t.Fatal("a REGISTER follows a Route")
			}
		case InDialog:
			if d.Token == nil || d.RecordRoute == nil {
				t.Fatal("routed within a dialog without a token")
			}
		}
	})
}
