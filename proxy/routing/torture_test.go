package routing

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
	"github.com/sipring/sipring/proxy/wire/wiretest"
)

// tortureTables serve the domains of the test messages.
func tortureTables(t *testing.T) *Tables {
	t.Helper()
	c := &config.Config{Cluster: "test", Advertise: "sip.example.net", Domains: []string{
		"example.com", "example.net", "example.org", "registrar.example.com", "2001:db8::10",
	}}
	c.ApplyDefaults()
	tables, err := NewTables(c, nil, netip.MustParseAddrPort("10.0.0.1:5060"), testKeys(t, 1), Checks{})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// TestTortureDecisions holds what becomes of every well-formed request of RFC
// 4475 and RFC 5118 at a proxy and registrar for their domains. What the RFC has
// it do stands beside the messages.
func TestTortureDecisions(t *testing.T) {
	lookup := func(aor string) verdict { return verdict{Action: "lookup", AOR: aor} }
	register := func(aor string) verdict { return verdict{Action: "register", AOR: aor} }
	reject := func(status int) verdict { return verdict{Action: "reject", Status: status} }
	notAllowed := verdict{Action: "reject", Status: 405, Extra: strings.TrimSpace(AllowLine)}
	options := verdict{Action: "options", Status: 200, Extra: strings.TrimSpace(OptionsLines)}
	want := map[string]verdict{
		"3.1.1.1 wsinv":         reject(403), // its Route leads to another proxy, and it has no token of ours
		"3.1.1.2 intmeth":       lookup("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com"),
		"3.1.1.3 esc01":         lookup("sip:sips%3Auser%40example.com@example.net"),
		"3.1.1.4 escnull":       register("sip:null-%00-null@example.com"),
		"3.1.1.5 esc02":         notAllowed, // for the registrar itself, but no REGISTER
		"3.1.1.6 lwsdisp":       lookup("sip:user@example.com"),
		"3.1.1.7 longreq":       lookup("sip:user@example.com"),
		"3.1.1.8 dblreq":        register("sip:j.user@example.com"),
		"3.1.1.9 semiuri":       lookup("sip:user;par=u%40example.net@example.com"),
		"3.1.1.10 transports":   lookup("sip:user@example.com"),
		"3.1.1.11 mpart01":      reject(403), // as wsinv
		"3.1.2.12 baddate":      lookup("sip:user@example.com"),
		"3.1.2.13 regbadct":     reject(400),
		"3.2.1 badbranch":       lookup("sip:user@example.com"),
		"3.3.2 unkscm":          reject(416),
		"3.3.3 novelsc":         reject(416),
		"3.3.4 unksm2":          reject(404),
		"3.3.5 bext01":          {Action: "reject", Status: 420, Extra: "Unsupported: noProxiesSupportThis, norDoAnyProxiesSupportThis"},
		"3.3.6 invut":           lookup("sip:user@example.com"),
		"3.3.7 regaut01":        register("sip:j.user@example.com"),
		"3.3.11 zeromf":         options,
		"3.3.12 cparam01":       register("sip:watson@example.com"),
		"3.3.13 cparam02":       register("sip:watson@example.com"),
		"3.3.14 regescrt":       register("sip:user@example.com"),
		"3.3.15 sdp01":          lookup("sip:user@example.com"),
		"3.4.1 inv2543":         lookup("sip:UserB@example.com"),
		"4.1 reference":         register("sip:user@example.com"),
		"4.3 port-in-address":   reject(404), // an address that is not ours
		"4.4 port":              register("sip:user@example.com"),
		"4.5 received-brackets": notAllowed,
		"4.5 received-bare":     options,
		"4.6 sdp":               lookup("sip:user@[2001:db8::10]"),
		"4.7 multiple":          reject(404),
		"4.8 multiple-in-sdp":   lookup("sip:user@[2001:db8::10]"),
		"4.9 mapped":            lookup("sip:user@example.com"),
		"4.10 three-colons":     {Action: "contact"}, // 404, unless somebody registered it
		"4.10 two-colons":       {Action: "contact"},
	}
	all, err := wiretest.Messages()
	if err != nil {
		t.Fatal(err)
	}
	tables, got := tortureTables(t), map[string]verdict{}
	for _, c := range all {
		m := &wire.Message{}
		if m.Scan(c.Raw, nil) == nil && m.Validate() == nil && m.IsRequest() {
			got[c.Section+" "+c.Name], _ = decide(t, tables, m)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTortureContacts: what of a Contact belongs to the URI, and what to the
// header, and that both are kept.
func TestTortureContacts(t *testing.T) {
	type contact struct{ URI, Params string }
	want := map[string][]contact{
		"escnull":   {{"sip:%00@host5.example.com", ""}, {"sip:%00%00@host5.example.com", ""}},
		"dblreq":    {{"sip:j.user@host.example.com", ""}},
		"regaut01":  nil,
		"reference": {{"sip:caller@[2001:db8::1]", ""}},
		"port":      {{"sip:caller@[2001:db8::1]", ""}},
		"cparam01":  {{"sip:+19725552222@gw1.example.net", ";unknownparam"}},
		"cparam02":  {{"sip:+19725552222@gw1.example.net;unknownparam", ""}},
		"regescrt":  {{"sip:user@example.com?Route=%3Csip:sip.example.com%3E", ""}},
	}
	all, err := wiretest.Messages()
	if err != nil {
		t.Fatal(err)
	}
	tables, got := tortureTables(t), map[string][]contact{}
	for _, c := range all {
		m := &wire.Message{}
		if m.Scan(c.Raw, nil) != nil || m.Validate() != nil || m.Method() != wire.MethodRegister {
			continue
		}
		if _, d := decide(t, tables, m); d.Action == Register {
			var contacts []contact
			for _, u := range d.Update.Contacts {
				contacts = append(contacts, contact{string(u.URI), string(u.Params)})
			}
			got[c.Name] = contacts
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
