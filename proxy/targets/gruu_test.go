package targets

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// TestRFC5627_6_1_TargetsOfAGRUU: all flows of its instance and nobody else's, the newest
// first; none of a temporary one that is over.
func TestRFC5627_6_1_TargetsOfAGRUU(t *testing.T) {
	const desk, mobile = "<urn:uuid:desk>", "<urn:uuid:mobile>"
	of := func(instance, call string) routing.Callee {
		c := routing.Callee{Instance: routing.InstanceHash([]byte(instance))}
		if call != "" {
			c.Call = routing.CallHash([]byte(call))
		}
		return c
	}
	r := record(t, // by Call-IDs "call 0", "call 1" and so on
		with(registered("sip:bob@192.0.2.1", desk), func(u *location.Update) { u.Contacts[0].RegID = 1 }),
		with(registered("sip:bob@192.0.2.2", desk), func(u *location.Update) { u.Contacts[0].RegID = 2 }),
		registered("sip:bob@192.0.2.3", mobile), registered("sip:bob@192.0.2.4", ""),
	)
	const one, two, three = "sip:bob@192.0.2.1 to UDP 192.0.2.1:5060", "sip:bob@192.0.2.2 to UDP 192.0.2.2:5060", "sip:bob@192.0.2.3 to UDP 192.0.2.3:5060"
	for name, tt := range map[string]struct {
		callee routing.Callee
		want   []string
	}{
		"public":                              {of(desk, ""), []string{two, one}},
		"of another":                          {of(mobile, ""), []string{three}},
		"in other case":                       {of("URN:UUID:Mobile", ""), []string{three}},
		"of nobody":                           {of("<urn:uuid:x>", ""), nil},
		"temporary":                           {of(mobile, "call 2"), []string{three}},
		"temporary, of one of its flows":      {of(desk, "call 0"), []string{two, one}},
		"temporary, by an earlier Call-ID":    {of(mobile, "call 9"), nil},
		"temporary, by another's Call-ID":     {of(mobile, "call 1"), nil},
		"temporary, of one that has gone":     {of("<urn:uuid:x>", "call 1"), nil},
		"temporary, of what has no instance":  {of("", "call 3"), nil},
		"all":                                 {routing.Callee{}, []string{"sip:bob@192.0.2.4 to UDP 192.0.2.4:5060", three, two, one}},
		"by SIPS, which it has no contact of": {routing.Callee{SIPS: true, Instance: of(desk, "").Instance}, nil},
	} {
		if diff := cmp.Diff(tt.want, show(AppendBindings(nil, r, now+10, tables(t), tt.callee))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
	if list := AppendBindings(nil, r, now+61_000, tables(t), of(mobile, "call 2")); len(list) != 0 {
		t.Errorf("a temporary one of a registration that is over: %v", show(list))
	}
	list := AppendBindings(nil, r, now+10, tables(t), of(desk, ""))
	if list[0].Group == 0 || list[0].Group != list[1].Group {
		t.Error("two flows of an instance are not tried one after the other")
	}
}

// A contact that is a GRUU of ours leads to its user agent alone, and whose is none to
// nobody.
func TestContactThatIsAGRUU(t *testing.T) {
	own := tables(t)
	alice := record(t, registered("sip:a@192.0.2.1", "<urn:uuid:1>"), registered("sip:a@192.0.2.2", "<urn:uuid:2>"), registered("sip:a@192.0.2.3", ""))
	params := string(own.AppendGRUUs(nil, []byte("sip:alice@example.com"), []byte("<urn:uuid:2>"), false, []byte("call 1"), 1))
	var public, temporary string
	if _, err := fmt.Sscanf(params, ";pub-gruu=%q;temp-gruu=%q", &public, &temporary); err != nil {
		t.Fatal(err)
	}
	two := []string{"sip:a@192.0.2.2 to UDP 192.0.2.2:5060"}
	for contact, want := range map[string][]string{
		public: two, temporary: two, "sip:alice@example.com;gr=urn:uuid:9": nil, "sip:tgruu.x@example.com;gr": nil, "sip:alice@example.com;gr": nil,
		"sip:alice@example.com": {"sip:a@192.0.2.3 to UDP 192.0.2.3:5060", two[0], "sip:a@192.0.2.1 to UDP 192.0.2.1:5060"},
	} {
		var c Chain
		c.Begin([]byte("sip:bob@example.com"), routing.Callee{})
		list := c.Add(nil, record(t, registered(contact, "")), now+10, own)
		list, aor := c.Next(list, own)
		for aor != nil {
			if string(aor) != "sip:alice@example.com" {
				t.Errorf("%s: %s is looked up", contact, aor)
			}
			list = c.Add(list, alice, now+10, own)
			list, aor = c.Next(list, own)
		}
		if diff := cmp.Diff(want, show(list)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", contact, diff)
		}
	}
}

// FuzzPath: of what stands in a Path no byte leads anywhere but over a transport that is
// served, and with a SIPS URI in front over TLS alone (RFC 3327 5.4, RFC 5630 5.3).
func FuzzPath(f *testing.F) {
	all := everywhere(f, "UDP", "TCP", "TLS")
	for _, path := range []string{
		"<sip:192.0.2.1;lr>", "<sips:p.example;lr>, <sips:q.example;lr>", "<sip:192.0.2.1;transport=tcp>", "<sip:x.invalid;lr;transport=ws>", "<sip:a>,<", "tel:1", "<sips:p;lr>, <sip:q;lr>",
	} {
		f.Add([]byte(path), uint8(0), false)
		f.Add([]byte(path), uint8(flow.TLS), true)
	}
	f.Fuzz(func(t *testing.T, path []byte, transport uint8, sips bool) {
		contact := "sip:bob@10.0.0.4"
		if sips {
			contact = "sips:bob@10.0.0.4"
		}
		b := location.Binding{Contact: []byte(contact), Path: path}
		if t := flow.Transport(transport); t.Known() && t.Reliable() {
			b.Flow = over(t, 7)
		}
		target, ok := ofBinding(&b, nil, all, sips)
		if !ok || len(path) == 0 {
			return
		}
		first, _ := wire.CutValue(path)
		_, uri, _ := parseHop(first)
		switch {
		case !all.Carries(target.To.Transport) && !target.Held.IsValid():
			t.Fatalf("%q: over %v", path, target.To.Transport)
		case (sips || uri.Scheme == wire.SchemeSIPS) && !target.To.Transport.Secure():
			t.Fatalf("%q: over %v, and is to be secured", path, target.To.Transport)
		case b.Flow.Conn != 0 && target.Held != b.Flow:
			t.Fatalf("%q: not over its connection but %+v", path, target.To)
		}
	})
}

// TestRFC5627_4_4_DialogWithAGRUU: the way that the token has, and of an end on UDP the
// binding that its user agent has now.
func TestRFC5627_4_4_DialogWithAGRUU(t *testing.T) {
	own := everywhere(t, "UDP", "TCP", "TLS")
	const public = "sip:bob@example.com;gr=urn:uuid:1"
	plain := behindNAT
	for name, tt := range map[string]struct {
		tok   token.Token
		uri   string
		want  string
		moved bool
	}{
		"on UDP":              {token.Token{Callee: plain, Made: 1}, public, " to UDP 203.0.113.9:40000 held", true},
		"behind NAT":          {token.Token{Callee: plain, CalleeNAT: true, Made: 1}, public, " to UDP 203.0.113.9:40000 held", false},
		"on a connection":     {token.Token{Callee: over(flow.TCP, 7), CalleeNAT: true, Made: 1}, public + ";ob", " to TCP 203.0.113.9:40001 held", false},
		"anywhere":            {token.Token{Made: 1}, public, " to UDP invalid AddrPort failed", true},
		"a SIPS one on UDP":   {token.Token{Callee: plain, Made: 1}, "sips:bob@example.com;gr=urn:uuid:1", " to UDP 203.0.113.9:40000 failed held", true},
		"of another's domain": {token.Token{Callee: plain, Made: 1}, "sip:bob@example.org;gr=urn:uuid:1", " to UDP 203.0.113.9:40000 held", true},
	} {
		for _, anywhere := range []bool{false, true} {
			if anywhere && name == "of another's domain" {
				continue // it is where that leads
			}
			target, moved := OfDialog(nil, &routing.Decision{Token: &tt.tok, ToCallee: true, RequestURI: []byte(tt.uri)}, own, anywhere)
			if got := show([]Target{target})[0]; got != tt.want || moved != tt.moved {
				t.Errorf("%s, anywhere %v: %s, moved %v; want %s, %v", name, anywhere, got, moved, tt.want, tt.moved)
			}
		}
	}
	r := record(t,
		registered("sip:bob@192.0.2.1", "<urn:uuid:1>"), registered("sip:bob@192.0.2.2", "<urn:uuid:2>"),
		with(registered("sip:bob@192.0.2.3", "<urn:uuid:3>"), func(u *location.Update) { u.Path = []byte("<sip:p.example;lr>") }),
		registered("sips:bob@192.0.2.4", "<urn:uuid:4>"), registered("sip:alice@example.com", "<urn:uuid:5>"),
	)
	for uri, want := range map[string]string{
		public: "sip:bob@192.0.2.1 to UDP 192.0.2.1:5060", "sip:bob@example.com;gr=urn:uuid:3": "", "sip:bob@example.com;gr=urn:uuid:9": "", "sip:bob@example.com;gr": "",
		"sips:bob@example.com;gr=urn:uuid:4": "sips:bob@192.0.2.4 to TLS 192.0.2.4:5061", "sips:bob@example.com;gr=urn:uuid:1": "", "sip:bob@example.com;gr=urn:uuid:5": "",
	} {
		target := Target{Held: behindNAT, Failed: true}
		moved := target.Move(r, now+10, own, []byte(uri))
		if got := show([]Target{target})[0]; moved != (want != "") || moved && got != want {
			t.Errorf("%s: %v, %s, want %s", uri, moved, got, want)
		}
	}
}
