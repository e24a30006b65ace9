package routing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRFC3261_10_3_RegistrarRefuses(t *testing.T) {
	tables := testTables(t)
	for name, c := range map[string]struct {
		uri     string
		headers []string
		want    verdict
	}{
		"step 1: foreign domain":            {"sip:example.org", nil, verdict{Action: "reject", Status: 404}},
		"step 1: the address of the server": {"sip:sip.example.net", nil, verdict{Action: "register", AOR: "sip:bob@example.com"}},
		"step 2: Require":                   {"sip:example.com", []string{"Require: path,gruu,pref"}, verdict{Action: "reject", Status: 420, Extra: "Unsupported: pref"}},
		"step 2: Require of what is there":  {"sip:example.com", []string{"Require: Path"}, verdict{Action: "register", AOR: "sip:bob@example.com"}},
		"RFC 3327: Path is no Route":        {"sip:example.com", []string{"Path: sip:p.example;lr"}, verdict{Action: "reject", Status: 400}},
		"RFC 3327: Path of another scheme":  {"sip:example.com", []string{"Path: <tel:+1201>"}, verdict{Action: "reject", Status: 400}},
		"RFC 3327: *":                       {"sip:example.com", []string{"Path: *"}, verdict{Action: "reject", Status: 400}},
		"RFC 3327: too many":                {"sip:example.com", []string{"Path: " + strings.Repeat("<sip:p.example;lr>,", maxPathValues+1)}, verdict{Action: "reject", Status: 400}},
		"RFC 3327: too long":                {"sip:example.com", []string{"Path: <sip:p.example;lr;x=" + strings.Repeat("a", maxPath) + ">"}, verdict{Action: "reject", Status: 400}},
		"step 5: To of a foreign domain":    {"sip:example.com", []string{"To: <sip:bob@example.org>"}, verdict{Action: "reject", Status: 404}},
		"step 5: To without a user":         {"sip:example.com", []string{"To: <sip:example.com>"}, verdict{Action: "reject", Status: 404}},
		"step 5: To canonical":              {"sip:example.com", []string{"To: Bob <sips:%62ob@EXAMPLE.COM;x=y>"}, verdict{Action: "register", AOR: "sip:bob@example.com"}},
		"step 6: * without Expires":         {"sip:example.com", []string{"Contact: *"}, verdict{Action: "reject", Status: 400}},
		"step 6: * with Expires 1":          {"sip:example.com", []string{"Contact: *", "Expires: 1"}, verdict{Action: "reject", Status: 400}},
		"step 6: * with another":            {"sip:example.com", []string{"Contact: *, <sip:a@192.0.2.1>", "Expires: 0"}, verdict{Action: "reject", Status: 400}},
		"step 6: *":                         {"sip:example.com", []string{"Contact: *", "Expires: 0"}, verdict{Action: "register", AOR: "sip:bob@example.com"}},
		"step 7: too brief":                 {"sip:example.com", []string{"Contact: <sip:a@192.0.2.1>;expires=59"}, verdict{Action: "reject", Status: 423, Extra: "Min-Expires: 60"}},
		"step 7: too brief by the header":   {"sip:example.com", []string{"Contact: <sip:a@192.0.2.1>", "Expires: 30"}, verdict{Action: "reject", Status: 423, Extra: "Min-Expires: 60"}},
		"malformed contact":                 {"sip:example.com", []string{"Contact: <sip:a@192.0.2.1"}, verdict{Action: "reject", Status: 400}},
		"contact that is no URI":            {"sip:example.com", []string{"Contact: <a@example.com>"}, verdict{Action: "reject", Status: 400}},
		"contact that is no tel URI":        {"sip:example.com", []string{"Contact: <tel:alice>"}, verdict{Action: "reject", Status: 400}},
		"contact that is no SIP URI":        {"sip:example.com", []string{"Contact: <sip:a@192.0.2.1:x>"}, verdict{Action: "reject", Status: 400}},
		"contact with a space":              {"sip:example.com", []string{"Contact: <mailto:a b@example.com>"}, verdict{Action: "reject", Status: 400}},
		"hundreds of contacts":              {"sip:example.com", []string{"Contact: " + strings.Repeat("<sip:a@192.0.2.1>,", 200)}, verdict{Action: "reject", Status: 400}},
		"by way of another":                 {"sip:example.com", []string{"Route: <sip:p.example;lr>"}, verdict{Action: "reject", Status: 403}},
	} {
		got, _ := decide(t, tables, scan(t, "REGISTER", c.uri, c.headers...))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRFC3261_10_3_ContactsOfARegistration(t *testing.T) {
	tables := testTables(t)
	type contact struct {
		URI, Params, Instance string
		RegID                 uint32
		Q                     uint16
		Expires               uint32
	}
	for name, c := range map[string]struct {
		headers []string
		want    []contact
	}{
		"fetch":                {nil, nil},
		"default expiry":       {[]string{"Contact: <sip:a@192.0.2.1;x=y>"}, []contact{{URI: "sip:a@192.0.2.1;x=y", Q: 1000, Expires: 3600}}},
		"header expiry":        {[]string{"Contact: sip:a@192.0.2.1", "Expires: 90"}, []contact{{URI: "sip:a@192.0.2.1", Q: 1000, Expires: 90}}},
		"own before header":    {[]string{"Contact: <sip:a@192.0.2.1>;expires=0", "Expires: 90"}, []contact{{URI: "sip:a@192.0.2.1", Q: 1000}}},
		"too long":             {[]string{"Contact: <sip:a@192.0.2.1>", "Expires: 99999999999"}, []contact{{URI: "sip:a@192.0.2.1", Q: 1000, Expires: 3600}}},
		"20.19: not a number":  {[]string{"Contact: <sip:a@192.0.2.1>;expires=soon", "Expires: 90"}, []contact{{URI: "sip:a@192.0.2.1", Q: 1000, Expires: 3600}}},
		"parameters are kept":  {[]string{`Contact: "A;b" <sip:a@192.0.2.1>;q=0.25;audio;+x="a;b,c";expires=60`}, []contact{{URI: "sip:a@192.0.2.1", Params: `;audio;+x="a;b,c"`, Q: 250, Expires: 60}}},
		"folded parameters":    {[]string{"Contact: <sip:a@192.0.2.1>;a=b\r\n ;c=d"}, []contact{{URI: "sip:a@192.0.2.1", Params: ";a=b   ;c=d", Q: 1000, Expires: 3600}}},
		"RFC 5626":             {[]string{`Contact: <sip:a@192.0.2.1>;+sip.instance="<urn:uuid:1>";reg-id=2;ob`}, []contact{{URI: "sip:a@192.0.2.1", Params: ";ob", Instance: "<urn:uuid:1>", RegID: 2, Q: 1000, Expires: 3600}}},
		"other schemes":        {[]string{"Contact: <tel:+1-212-555-1212;phone-context=x>;q=0.1, <mailto:a@example.com>;expires=60"}, []contact{{URI: "tel:+1-212-555-1212;phone-context=x", Q: 100, Expires: 3600}, {URI: "mailto:a@example.com", Q: 1000, Expires: 60}}},
		"several, in one line": {[]string{"m: <sip:a@192.0.2.1>;q=1.0, <sip:b@192.0.2.1>;q=.5", "Contact: <sip:c@192.0.2.1>;q=0"}, []contact{{URI: "sip:a@192.0.2.1", Q: 1000, Expires: 3600}, {URI: "sip:b@192.0.2.1", Q: 1000, Expires: 3600}, {URI: "sip:c@192.0.2.1", Expires: 3600}}},
	} {
		got, d := decide(t, tables, scan(t, "REGISTER", "sip:example.com", c.headers...))
		if got.Action != "register" {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		var contacts []contact
		for _, c := range d.Update.Contacts {
			contacts = append(contacts, contact{string(c.URI), string(c.Params), string(c.Instance), c.RegID, c.Q, c.Expires})
		}
		if diff := cmp.Diff(c.want, contacts); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if string(d.Update.CallID) != "c1" || d.Update.CSeq != 7 {
			t.Errorf("%s: Call-ID %q, CSeq %d", name, d.Update.CallID, d.Update.CSeq)
		}
	}
}

func TestRFC3327_5_3_PathOfARegistration(t *testing.T) {
	tables := testTables(t)
	for name, c := range map[string]struct {
		headers []string
		want    string
		tell    bool
	}{
		"none":      {[]string{"Supported: path"}, "", false},
		"told":      {[]string{"Supported: outbound, Path", "Path: <sip:a.example;lr>", "Path: <sip:b.example;lr>;x,<sip:c.example;lr>"}, "<sip:a.example;lr>, <sip:b.example;lr>;x, <sip:c.example;lr>", true},
		"required":  {[]string{"Require: path", "Path: <sip:a.example;lr>"}, "<sip:a.example;lr>", true},
		"not asked": {[]string{"Supported: paths", "Path: \"A, b\" <sip:a.example;lr>\r\n ;x"}, "\"A, b\" <sip:a.example;lr>   ;x", false},
	} {
		got, d := decide(t, tables, scan(t, "REGISTER", "sip:example.com", c.headers...))
		if got.Action != "register" || string(d.Update.Path) != c.want || d.TellPath != c.tell {
			t.Errorf("%s: %+v, Path %q, told %v", name, got, d.Update.Path, d.TellPath)
		}
	}
}
