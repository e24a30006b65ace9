package routing

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// checkedTables have policies of their own.
func checkedTables(t testing.TB, checks Checks) *Tables {
	t.Helper()
	c := &config.Config{Cluster: "test", Domains: []string{"example.com"}, Advertise: "sip.example.net"}
	c.ApplyDefaults()
	tables, err := NewTables(c, nil, netip.MustParseAddrPort("10.0.0.1:5060"), testKeys(t, 1), checks)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// The order is what the policies rely on: see what each says of the others.
func TestRFC3261_16_3_OrderOfPolicies(t *testing.T) {
	tables := checkedTables(t, Checks{Arrival: []Policy{{Name: "first"}}, Authorize: []Policy{{Name: "second"}, {Name: "third"}}})
	var got []string
	for _, p := range tables.policies {
		got = append(got, p.Name)
	}
	want := []string{
		"first", "request_uri", "scheme", "max_forwards", "loop", "proxy_require", "routes", "forged_token",
		"second", "third", "application", "register", "foreign_route", "dialog", "maddr", "own_address", "sips", "aor", "contact", "foreign_domain",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestArrivalKnowsTheSourceAndDecidesFirst(t *testing.T) {
	from := flow.OverUDP(netip.MustParseAddrPort("192.0.2.66:5060"))
	tables := checkedTables(t, Checks{Arrival: []Policy{{"source", func(_ *Tables, _ *wire.Message, d *Decision) Verdict {
		if d.From == from {
			return d.Reject(403, "Not You", "source", nil)
		}
		return Next
	}}}})
	for source, want := range map[flow.Flow]string{from: "reject", {}: "lookup"} {
		d := &Decision{From: source}
		m := scan(t, "INVITE", "sip:bob@example.com")
		if v := tables.Decide(m, d); v != Decided || d.Action.String() != want {
			t.Errorf("from %v: %v, %v", source.Remote, v, d.Action)
		}
	}
	d := &Decision{From: from}
	if tables.Decide(scan(t, "ACK", "sip:bob@example.com"), d); d.Action != Drop || d.Why != "source" {
		t.Errorf("ACK: %v, %s", d.Action, d.Why)
	}
}

// A policy that waits has the request to itself, and the chain goes on behind it.
func TestWait(t *testing.T) {
	for name, tt := range map[string]struct {
		resume func(d *Decision) // at once, in Check
		later  func(d *Decision)
		want   string // action
	}{
		"goes on":                     {later: func(d *Decision) { d.Resume(Next) }, want: "lookup"},
		"is decided":                  {later: func(d *Decision) { d.Resume(d.Reject(403, "No", "no", nil)) }, want: "reject"},
		"goes on before it returns":   {resume: func(d *Decision) { d.Resume(Next) }, want: "lookup"},
		"decided before it returns":   {resume: func(d *Decision) { d.Resume(d.Reject(403, "No", "no", nil)) }, want: "reject"},
		"the next one waits in turn":  {later: func(d *Decision) { d.Resume(Next) }, want: "again"},
		"both are told at one moment": {resume: func(d *Decision) { d.Resume(Next) }, want: "again"},
	} {
		asked, done := 0, 0
		wait := func(_ *Tables, _ *wire.Message, d *Decision) Verdict {
			asked++
			if tt.resume != nil {
				tt.resume(d)
			}
			return Wait
		}
		checks := Checks{Authorize: []Policy{{"wait", wait}}}
		want := tt.want
		if want == "again" {
			checks.Authorize = append(checks.Authorize, Policy{"again", wait})
			want = "lookup"
		}
		tables, d := checkedTables(t, checks), &Decision{}
		d.Done = func() { done++ }
		if v := tables.Decide(scan(t, "INVITE", "sip:bob@example.com"), d); v != Wait {
			t.Fatalf("%s: %v", name, v)
		}
		for range checks.Authorize {
			if tt.later != nil {
				if done != 0 {
					t.Fatalf("%s: done while a policy waits", name)
				}
				tt.later(d)
			}
		}
		if done != 1 || asked != len(checks.Authorize) || d.Action.String() != want {
			t.Errorf("%s: done %d times, asked %d times, %v, want %s", name, done, asked, d.Action, want)
		}
	}
}
