package routing

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

// TestContactOnlyOutsideDialogs: what is within a dialog goes by its token alone,
// but for the ACK of a failure, which has the To tag that the failure had.
func TestContactOnlyOutsideDialogs(t *testing.T) {
	tables, contact := testTables(t), "sip:bob@198.51.100.7:5070"
	const inDialog = "To: <sip:bob@example.com>;tag=b"
	outside, within := map[string]string{}, map[string]string{}
	for _, method := range []string{"INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "NOTIFY", "REFER", "CANCEL", "ACK", "BYE", "INFO", "REGISTER"} {
		v, _ := decide(t, tables, scan(t, method, contact))
		outside[method] = v.Action
		v, _ = decide(t, tables, scan(t, method, contact, inDialog))
		within[method] = v.Action
	}
	want := map[string]string{}
	for method := range outside {
		want[method] = "contact"
	}
	want["REGISTER"] = "reject"
	if d := cmp.Diff(want, outside); d != "" {
		t.Errorf("outside a dialog: %s", d)
	}
	for method := range within {
		want[method] = "reject"
	}
	want["ACK"] = "contact"
	if d := cmp.Diff(want, within); d != "" {
		t.Errorf("within a dialog: %s", d)
	}
	for name, c := range map[string]struct {
		method  string
		headers []string
		want    string
	}{
		"a Route to us":                  {"INVITE", []string{"Route: <sip:sip.example.net;lr>"}, "contact"},
		"a Route to us and a user":       {"INVITE", []string{"Route: <sip:alice@sip.example.net;lr>"}, "contact"},
		"the ACK of its failure":         {"ACK", []string{"Route: <sip:alice@sip.example.net;lr>", inDialog}, "contact"},
		"a Route to elsewhere":           {"INVITE", []string{"Route: <sip:p.example;lr>"}, "reject"},
		"a user and a Route to others":   {"INVITE", []string{"Route: <sip:alice@sip.example.net;lr>, <sip:p.example;lr>"}, "reject"},
		"a user and a To tag":            {"BYE", []string{"Route: <sip:alice@sip.example.net;lr>", inDialog}, "reject"},
		"an ACK with a Route to another": {"ACK", []string{"Route: <sip:alice@sip.example.net;lr>, <sip:p.example;lr>", inDialog}, "drop"},
	} {
		if v, _ := decide(t, tables, scan(t, c.method, contact, c.headers...)); v.Action != c.want {
			t.Errorf("with %s: %s, want %s", name, v.Action, c.want)
		}
	}
}

func TestGuessAOR(t *testing.T) {
	c := &config.Config{Domains: []string{"Example.com", "192.0.2.80", "[2001:DB8::1]", "fourth.example"}}
	c.ApplyDefaults()
	tables, err := NewTables(c, nil, netip.MustParseAddrPort("192.0.2.1:5060"), testKeys(t, 1), Checks{})
	if err != nil {
		t.Fatal(err)
	}
	for contact, want := range map[string][]string{
		"sip:b%6fb@198.51.100.7:5070;x=1": {"sip:bob@example.com", "sip:bob@192.0.2.80", "sip:bob@[2001:db8::1]"},
		"sip:198.51.100.7":                nil,
		"nothing":                         nil,
	} {
		var got []string
		for i := 0; ; i++ {
			aor, ok := tables.GuessAOR(nil, []byte(contact), i)
			if !ok {
				break
			}
			got = append(got, string(aor))
			if _, d := decide(t, tables, scan(t, "INVITE", string(aor))); !slices.Equal(d.AOR, aor) {
				t.Errorf("%s is looked up as %s", aor, d.AOR)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", contact, d)
		}
	}
}
