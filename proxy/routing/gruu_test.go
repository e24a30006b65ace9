package routing

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

const instance = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"

// gruusOf are the public and the temporary GRUU that a user agent is told.
func gruusOf(t testing.TB, tables *Tables, aor, instance, callID string, cseq uint32) (public, temporary string) {
	t.Helper()
	params := string(tables.AppendGRUUs(nil, []byte(aor), []byte(instance), false, []byte(callID), cseq))
	if n, err := fmt.Sscanf(strings.NewReplacer(`"`, " ", ";pub-gruu=", "", ";temp-gruu=", "").Replace(params), "%s %s", &public, &temporary); n != 2 {
		t.Fatalf("%q: %v", params, err)
	}
	return public, temporary
}

// TestRFC5627_5_2_GRUUsOfARegistration: what the 200 says.
func TestRFC5627_5_2_GRUUsOfARegistration(t *testing.T) {
	tables := testTables(t)
	for name, tt := range map[string]struct {
		aor, instance string
		sips          bool
		callID        []byte
		want          string // of the public one
		temporary     bool
	}{
		"both":                       {"sip:bob@example.com", instance, false, []byte("c1"), "sip:bob@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true},
		"registered by another":      {"sip:bob@example.com", instance, false, nil, "sip:bob@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", false},
		"of SIPS":                    {"sip:bob@example.com", instance, true, []byte("c1"), "sips:bob@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true},
		"with what takes escapes":    {"sip:bob@example.com", `<urn:x:a;b="c" %>`, false, nil, "sip:bob@example.com;gr=urn:x:a%3Bb%3D%22c%22%20%25", false},
		"no instance":                {"sip:bob@example.com", "", false, []byte("c1"), "", false},
		"an AOR that is too long":    {"sip:" + strings.Repeat("b", token.MaxAOR) + "@example.com", instance, false, []byte("c1"), "", false},
		"an instance without <>":     {"sip:bob@example.com", "a", false, nil, "sip:bob@example.com;gr=a", false},
		"a domain that is a literal": {"sip:bob@192.0.2.80", instance, false, []byte("c1"), "sip:bob@192.0.2.80;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true},
	} {
		got := string(tables.AppendGRUUs(nil, []byte(tt.aor), []byte(tt.instance), tt.sips, tt.callID, 1))
		public, rest, _ := strings.Cut(strings.TrimPrefix(got, `;pub-gruu="`), `"`)
		if public != tt.want || tt.temporary != strings.HasPrefix(rest, `;temp-gruu="`+strings.Split(tt.want+":", ":")[0]+":tgruu.") {
			t.Errorf("%s: %s", name, got)
		}
		if tt.temporary && !strings.HasSuffix(rest, "@"+strings.Split(tt.aor, "@")[1]+`;gr"`) {
			t.Errorf("%s: %s", name, rest)
		}
	}
	first, second := string(tables.AppendGRUUs(nil, []byte("sip:bob@example.com"), []byte(instance), false, []byte("c1"), 1)),
		string(tables.AppendGRUUs(nil, []byte("sip:bob@example.com"), []byte(instance), false, []byte("c1"), 2))
	if first == second {
		t.Error("the same temporary GRUU is told after a refresh")
	}
}

// TestRFC5627_6_1_RequestURIIsAGRUU: at any member it leads to the one user agent; what
// nobody here has made is not found.
func TestRFC5627_6_1_RequestURIIsAGRUU(t *testing.T) {
	tables, other := transportTables(t, 0), transportTables(t, 1)
	public, temporary := gruusOf(t, tables, "sip:bob@example.com", instance, "c1", 7)
	bob := Callee{Instance: InstanceHash([]byte(instance))}
	once := Callee{Instance: bob.Instance, Call: CallHash([]byte("c1"))}
	user, _, _ := strings.Cut(strings.TrimPrefix(temporary, "sip:"), "@")
	for name, tt := range map[string]struct {
		uri  string
		want string
		of   Callee
	}{
		"public":                       {public, "lookup sip:bob@example.com", bob},
		"with ob (RFC 5626 4.3)":       {public + ";ob", "lookup sip:bob@example.com", bob},
		"in other case":                {strings.ReplaceAll(strings.ToUpper(public), "SIP:BOB", "sip:bob"), "lookup sip:bob@example.com", bob},
		"with escapes":                 {strings.ReplaceAll(public, ":uuid", "%3Auuid"), "lookup sip:bob@example.com", bob},
		"temporary":                    {temporary, "lookup sip:bob@example.com", once},
		"temporary, with ob":           {temporary + ";ob", "lookup sip:bob@example.com", once},
		"temporary, at another domain": {"sip:" + user + "@example.com;gr", "lookup sip:bob@example.com", once},
		"an instance of nobody":        {"sip:bob@example.com;gr=urn:uuid:0", "lookup sip:bob@example.com", Callee{Instance: InstanceHash([]byte("urn:uuid:0"))}},
		"no GRUU":                      {"sip:bob@example.com", "lookup sip:bob@example.com", Callee{}},
		"the user without gr":          {"sip:" + user + "@example.com", "lookup sip:" + user + "@example.com", Callee{}},
		"gr without the user":          {"sip:bob@example.com;gr", "reject 404", Callee{}},
		"an empty gr":                  {"sip:bob@example.com;gr=", "reject 404", Callee{}},
		"forged":                       {"sip:" + user[:len(user)-1] + "@example.com;gr", "reject 404", Callee{}},
		"altered":                      {"sip:tgruu.A" + user[len("tgruu.A"):] + "x@example.com;gr", "reject 404", Callee{}},
		"of nothing":                   {"sip:tgruu.@example.com;gr", "reject 404", Callee{}},
		"of another cluster's domain":  {strings.Replace(public, "example.com", "example.org", 1), "contact ", Callee{}},
	} {
		for _, at := range []*Tables{tables, other} {
			d := &Decision{}
			at.Decide(scan(t, "INVITE", tt.uri), d)
			got := d.Action.String() + " " + string(d.AOR)
			if d.Action == Reject {
				got = fmt.Sprint("reject ", d.Status)
			}
			if got != tt.want || d.Callee() != tt.of {
				t.Errorf("%s: %s for %+v, want %s for %+v", name, got, d.Callee(), tt.want, tt.of)
			}
		}
	}
	d := &Decision{}
	tables.Decide(scan(t, "ACK", "sip:bob@example.com;gr"), d)
	if d.Action != Drop {
		t.Errorf("the ACK of what was refused: %v", d.Action)
	}
	tables.Decide(scan(t, "INVITE", "sip:bob@example.com"), d)
	if tables.Decide(scan(t, "INVITE", public), d); d.Callee() != bob {
		t.Error("a decision that is used again")
	}
	if tables.Decide(scan(t, "INVITE", "sip:bob@example.com"), d); d.Callee() != (Callee{}) {
		t.Error("a decision that is used again says what the last one did")
	}
}

// Whatever an instance is, its GRUU names it.
func TestGRUUNamesItsInstance(t *testing.T) {
	tables := testTables(t)
	rapid.Check(t, func(t *rapid.T) {
		instance := rapid.StringMatching(`[ -~]{1,60}`).Draw(t, "instance")
		params := string(tables.AppendGRUUs(nil, []byte("sip:bob@example.com"), []byte(instance), false, nil, 0))
		text := strings.Trim(strings.TrimPrefix(params, ";pub-gruu="), `"`)
		uri, err := wire.ParseURI([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		callee, ok := tables.ReadGRUU(&uri, &token.GRUU{})
		if !ok || callee.Instance != InstanceHash([]byte(instance)) {
			t.Fatalf("%q: %s is of %+v, %v", instance, text, callee, ok)
		}
	})
}

// A REGISTER is told its GRUUs if it wants them, and says none itself (RFC 5627 4.1, 5.1).
func TestRFC5627_5_1_RegisterWithGRUU(t *testing.T) {
	tables := testTables(t)
	for header, want := range map[string]bool{"Supported: path, GRUU": true, "Require: gruu": true, "Supported: path": false} {
		_, d := decide(t, tables, scan(t, "REGISTER", "sip:example.com", header,
			`Contact: <sip:bob@192.0.2.1>;+sip.instance="`+instance+`";pub-gruu="sip:eve@example.com;gr=1";temp-gruu="sip:x@y;gr";x=1`))
		if d.Action != Register || d.TellGRUU != want {
			t.Fatalf("%s: %v, told %v", header, d.Action, d.TellGRUU)
		}
		if c := d.Update.Contacts[0]; string(c.Params) != ";x=1" || string(c.Instance) != instance {
			t.Errorf("%s: parameters %q, instance %q", header, c.Params, c.Instance)
		}
	}
}

// FuzzGRUU: of a URI with gr no byte of a stranger's leads to another address-of-record
// than the one it names.
func FuzzGRUU(f *testing.F) {
	tables := testTables(f)
	public, temporary := gruusOf(f, tables, "sip:bob@example.com", instance, "c1", 7)
	for _, s := range []string{public, temporary, temporary + ";ob", "sip:tgruu.@example.com;gr", "sip:a@example.com;gr=%zz%", "sips:tgruu.AQ@example.com;gr", "sip:a@example.com;%67r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		uri, err := wire.ParseURI(text)
		if err != nil || uri.Scheme != wire.SchemeSIP && uri.Scheme != wire.SchemeSIPS {
			return
		}
		var g token.GRUU
		callee, ok := tables.ReadGRUU(&uri, &g)
		if _, has := uri.Param("gr"); !has && (!ok || callee != Callee{}) {
			t.Fatalf("%q, without gr: %+v, %v", text, callee, ok)
		}
		if callee.Call != 0 && string(g.AOR) != "sip:bob@example.com" || !ok && callee != (Callee{}) {
			t.Fatalf("%q leads to %q, %+v", text, g.AOR, callee)
		}
	})
}

// TestRFC5627_4_4_GRUUWithinADialog: who is called by a GRUU within a dialog is the end
// that the token has, and nobody is asked for more than within any dialog; outside of one,
// or by another's token, it is as any request for a user.
func TestRFC5627_4_4_GRUUWithinADialog(t *testing.T) {
	tables := testTables(t)
	public, temporary := gruusOf(t, tables, "sip:bob@example.com", instance, "c1", 7)
	route := "Route: <" + routeToken(t, tables.keys, "a") + ">"
	const to = "To: <sip:bob@example.com>;tag=b"
	for name, tt := range map[string]struct {
		method, uri string
		headers     []string
		want        string
	}{
		"public":                {"BYE", public, []string{route, to}, "in-dialog true"},
		"temporary":             {"INVITE", temporary + ";ob", []string{route, to}, "in-dialog true"},
		"of who knows":          {"ACK", "sip:carol@example.com;gr=1", []string{route, to}, "in-dialog true"},
		"no GRUU":               {"BYE", "sip:bob@example.com", []string{route, to}, "lookup false"},
		"without a token":       {"BYE", public, []string{to}, "lookup false"},
		"no dialog yet":         {"INVITE", public, []string{route}, "lookup false"},
		"an ACK without To tag": {"ACK", public, []string{route}, "lookup false"},
		"of neither end":        {"BYE", public, []string{route, "From: <sip:eve@example.com>;tag=e", to}, "reject true"},
	} {
		_, d := decide(t, tables, scan(t, tt.method, tt.uri, tt.headers...))
		_, within := d.WithinDialog()
		if got := fmt.Sprint(d.Action, within); got != tt.want {
			t.Errorf("%s: %s (%s), want %s", name, got, d.Why, tt.want)
		}
	}
	for uri, want := range map[string]string{public: "sip:bob@example.com", temporary: "sip:bob@example.com", "sip:tgruu.x@example.com;gr": "", "sip:bob@example.com;gr": ""} {
		aor, ok := tables.GuessAOR(nil, []byte(uri), 0)
		if _, more := tables.GuessAOR(nil, []byte(uri), 1); string(aor) != want || ok != (want != "") || more {
			t.Errorf("%s is of %q, %v, and of another one %v", uri, aor, ok, more)
		}
	}
}
