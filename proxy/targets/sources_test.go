package targets

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

const now = int64(1_700_000_000_000)

var (
	behindNAT = flow.OverUDP(netip.MustParseAddrPort("203.0.113.9:40000"))
	onTLS     = flow.Flow{Remote: netip.MustParseAddrPort("203.0.113.9:40001"), Conn: 7, Owner: 2, Life: 5, Transport: flow.TLS}
)

// record holds what each update in turn has registered.
func record(t *testing.T, updates ...location.Update) location.Record {
	t.Helper()
	s := location.NewStore(1)
	aor := []byte("sip:bob@example.com")
	for i := range updates {
		u := &updates[i]
		u.AOR, u.CallID, u.CSeq = aor, fmt.Appendf(nil, "call %d", i), 1
		if res := s.Apply(now+int64(i), 0, 1, u, location.Limits{MaxContacts: 20}, uint64(now)+uint64(i), 1); res.Status != 200 {
			t.Fatalf("update %d: %d", i, res.Status)
		}
	}
	r, _ := s.Get(0, aor).CopyTo(nil)
	return r
}

func registered(uri, instance string) location.Update {
	c := location.ContactUpdate{URI: []byte(uri), Instance: []byte(instance), Q: location.MaxQ, Expires: 60}
	if instance != "" {
		c.RegID = uint32(len(uri))
	}
	return location.Update{Contacts: []location.ContactUpdate{c}}
}

func with(u location.Update, change func(*location.Update)) location.Update {
	change(&u)
	return u
}

// show is a target in short: its Request-URI, and how it is reached.
func show(list []Target) (lines []string) {
	for i := range list {
		t := &list[i]
		line := []string{string(t.URI), "to " + t.To.Transport.String()}
		if t.To.Host != "" {
			line = append(line, t.To.Host)
		}
		line = append(line, t.To.Addr.String())
		if t.Failed {
			line = append(line, "failed")
		}
		if t.Held.IsValid() {
			line = append(line, "held")
		}
		if t.Path != nil {
			line = append(line, "path "+string(t.Path))
		}
		if t.Strict != nil {
			line = append(line, "strict "+string(t.Strict))
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

func TestRFC3261_16_5_Bindings(t *testing.T) {
	flowed := func(f flow.Flow) func(*location.Update) {
		return func(u *location.Update) { u.Flow = f }
	}
	path := func(p string) func(*location.Update) { return func(u *location.Update) { u.Path = []byte(p) } }
	r := record(
		t,
		registered("sip:bob@192.0.2.4", ""),
		registered("sip:bob@192.0.2.4:5070?Subject=x", ""),
		registered("sip:bob@phone.Example.net.:5071", ""),
		registered("sip:bob@192.0.2.4;transport=tls", ""),
		registered("sips:bob@192.0.2.4", ""),
		registered("mailto:bob@example.com", ""),
		with(registered("sip:bob@10.0.0.4", ""), flowed(behindNAT)),
		with(registered("sip:bob@10.0.0.5", ""), flowed(onTLS)),
		with(registered("sip:bob@10.0.0.6;transport=tcp", ""), path("<sip:edge.example.org;lr>, <sip:192.0.2.1;lr>")),
		with(registered("sip:bob@10.0.0.7", ""), path("<sip:192.0.2.2:5080>")),
		with(registered("sip:bob@10.0.0.8", ""), path("<sip:192.0.2.2;transport=tcp;lr>")),
	)
	want := []string{ // the newest first
		"sip:bob@10.0.0.7 to UDP 192.0.2.2:5080 path <sip:192.0.2.2:5080> strict sip:192.0.2.2:5080",
		"sip:bob@10.0.0.6;transport=tcp to UDP edge.example.org invalid AddrPort path <sip:edge.example.org;lr>, <sip:192.0.2.1;lr>",
		"sip:bob@10.0.0.5 to TLS 203.0.113.9:40001 held",
		"sip:bob@10.0.0.4 to UDP 203.0.113.9:40000 held",
		"sip:bob@phone.Example.net.:5071 to UDP phone.example.net invalid AddrPort",
		"sip:bob@192.0.2.4:5070 to UDP 192.0.2.4:5070",
		"sip:bob@192.0.2.4 to UDP 192.0.2.4:5060",
	}
	got := AppendBindings([]Target{{}}, r, now+20, tables(t), routing.Callee{})
	if diff := cmp.Diff(want, show(got[1:])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if late := AppendBindings(nil, r, now+61_000, tables(t), routing.Callee{}); len(late) != 0 {
		t.Errorf("expired: %v", show(late))
	}
}

// However a target is found, it is reached by the listener that its phone knows, also
// where it is called at its contact's own address.
func TestTargetsHaveTheirListener(t *testing.T) {
	at := func(f flow.Flow) func(*location.Update) {
		return func(u *location.Update) { f.Listener = 5070; u.Flow = f }
	}
	r := record(
		t,
		with(registered("sip:bob@192.0.2.4", ""), at(flow.Flow{})),
		with(registered("sip:bob@10.0.0.4", ""), at(behindNAT)),
		with(registered("sip:bob@10.0.0.6", ""), func(u *location.Update) { at(flow.Flow{})(u); u.Path = []byte("<sip:192.0.2.1;lr>") }),
		with(registered("sip:bob@10.0.0.7", ""), func(u *location.Update) { at(behindNAT)(u); u.Path = []byte("<sip:edge.example.org;lr>") }),
	)
	list := AppendBindings(nil, r, now+10, tables(t), routing.Callee{})
	found, _ := AppendContact(nil, r, now+10, tables(t), []byte("sip:bob@192.0.2.4"))
	var moved Target
	moved.Move(r, now+10, tables(t), []byte("sip:bob@192.0.2.4"))
	list = append(append(list, found...), moved)
	way := behindNAT
	way.Listener = 5070
	for _, tok := range []*token.Token{{Callee: way, CalleeNAT: true, Made: 1}, {Callee: way, Made: 1}} {
		for _, uri := range []string{"sip:bob@203.0.113.9:5062", "sip:bob@192.0.2.9", "sip:bob@host.example"} {
			for _, anywhere := range []bool{false, true} {
				target, _ := OfDialog(nil, &routing.Decision{Token: tok, ToCallee: true, RequestURI: []byte(uri)}, tables(t), anywhere)
				list = append(list, target)
			}
		}
	}
	if len(list) != 4+1+1+12 {
		t.Errorf("%d targets", len(list))
	}
	for i := range list {
		if got := list[i].To.Listener; got != 5070 {
			t.Errorf("%s by listener %d", show(list[i:i+1]), got)
		}
	}
}

func TestRFC5626_5_3_FlowsOfOnePhoneAreAGroup(t *testing.T) {
	list := AppendBindings(nil, record(
		t,
		registered("sip:bob@192.0.2.1", `<urn:uuid:1>`), registered("sip:bob@192.0.2.11", `<urn:uuid:1>`),
		registered("sip:bob@192.0.2.2", `<urn:uuid:2>`), registered("sip:bob@192.0.2.3", ""),
	), now+10, tables(t), routing.Callee{})
	if len(list) != 4 || list[0].Group != 0 || list[1].Group == 0 || list[2].Group == list[1].Group || list[3].Group != list[2].Group {
		t.Errorf("%+v", list)
	}
}

func TestRFC3261_19_1_4_Contact(t *testing.T) {
	r := record(
		t,
		registered("sip:bob@192.0.2.4:5070", ""), registered("sip:bob@PHONE.example;x=1", "<urn:uuid:1>"),
		registered("sip:bob@phone.example;x=1", "<urn:uuid:2>"), registered("sips:bob@192.0.2.9", ""),
	)
	for uri, tt := range map[string]struct {
		want       []string
		registered bool
	}{
		"sip:bob@192.0.2.4:5070":    {[]string{" to UDP 192.0.2.4:5070"}, true},
		"sip:%62ob@192.0.2.4:5070":  {[]string{" to UDP 192.0.2.4:5070"}, true},
		"sip:bob@PHONE.example;x=1": {[]string{" to UDP phone.example invalid AddrPort"}, true},
		"sips:bob@192.0.2.9":        {nil, true},
		"sip:bob@192.0.2.9":         {nil, false},
		"sip:eve@192.0.2.4:5070":    {nil, false},
	} {
		got, ok := AppendContact([]Target{{}}, r, now+10, tables(t), []byte(uri))
		if diff := cmp.Diff(tt.want, show(got[1:])); diff != "" || ok != tt.registered {
			t.Errorf("%s: registered %v; -want +got:\n%s", uri, ok, diff)
		}
	}
	list, _ := AppendContact(nil, r, now+10, tables(t), []byte("sip:bob@PHONE.example;x=1"))
	if other, _ := AppendContact(nil, r, now+10, tables(t), []byte("sip:bob@phone.example;x=1")); list[0].Group == other[0].Group {
		t.Error("of two that are equal not that of the same bytes was taken")
	}
}

func TestRFC3261_16_6_Dialog(t *testing.T) {
	m := &wire.Message{}
	if err := m.Scan([]byte("BYE sip:bob@10.0.0.4 SIP/2.0\r\n\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	caller := flow.OverUDP(netip.MustParseAddrPort("198.51.100.1:5060"))
	held := &token.Token{Caller: caller, Callee: behindNAT}                           // of an earlier version
	made := &token.Token{Caller: caller, Callee: behindNAT, CalleeNAT: true, Made: 1} // the caller may have any port
	route := func(token *token.Token, uri string) routing.Decision {
		return routing.Decision{Token: token, NextRoute: []byte(uri), Loose: true}
	}
	contact := func(uri string) routing.Decision { return routing.Decision{Token: made, RequestURI: []byte(uri)} }
	for name, tt := range map[string]struct {
		d    routing.Decision
		want string
	}{
		"the address of the token":     {contact("sip:a@198.51.100.1:5062"), " to UDP 198.51.100.1:5062"},
		"in IPv6 form":                 {contact("sip:a@[::ffff:198.51.100.1]"), " to UDP 198.51.100.1:5060"},
		"another address":              {contact("sip:a@192.0.2.66:5062"), " to UDP 198.51.100.1:5060 held moved"},
		"another address, maddr":       {contact("sip:a@198.51.100.1;maddr=192.0.2.66"), " to UDP 198.51.100.1:5060 held moved"},
		"the address of a name":        {contact("sip:a@pc.example"), " to UDP 198.51.100.1:5060 held moved"},
		"another address, TCP":         {contact("sip:a@192.0.2.66;transport=tcp"), " to UDP invalid AddrPort failed"},
		"a Route at its address":       {route(made, "sip:198.51.100.1:5070;lr"), " to UDP 198.51.100.1:5070"},
		"a Route elsewhere":            {route(made, "sip:192.0.2.1;lr"), " to UDP 198.51.100.1:5060 held"},
		"a strict Route elsewhere":     {routing.Decision{Token: made, NextRoute: []byte("sip:192.0.2.1")}, " to UDP 198.51.100.1:5060 held strict sip:192.0.2.1"},
		"a Route by name":              {route(made, "sip:p.example;lr"), " to UDP 198.51.100.1:5060 held"},
		"a flow behind NAT":            {routing.Decision{Token: made, ToCallee: true}, " to UDP 203.0.113.9:40000 held"},
		"a Route of an earlier token":  {route(held, "sip:192.0.2.1;lr"), " to UDP 198.51.100.1:5060 held"},
		"a Route of a token with none": {route(&token.Token{}, "sip:192.0.2.1;lr"), " to UDP 192.0.2.1:5060"},

		"the callee's flow":        {routing.Decision{Token: held, ToCallee: true}, " to UDP 203.0.113.9:40000 held"},
		"the caller's flow":        {routing.Decision{Token: held}, " to UDP 198.51.100.1:5060 held"},
		"no flow: the Request-URI": {routing.Decision{Token: &token.Token{}}, " to UDP 10.0.0.4:5060"},
		"a strict router's":        {routing.Decision{Token: &token.Token{}, RequestURI: []byte("sip:bob@10.0.0.5")}, " to UDP 10.0.0.5:5060"},
		"another transport":        {routing.Decision{Token: held, NextRoute: []byte("sip:p.example;transport=tcp;lr"), Loose: true}, " to UDP invalid AddrPort failed"},
		"tel over a flow":          {routing.Decision{Token: held, ToCallee: true, RequestURI: []byte("tel:+1-201")}, " to UDP 203.0.113.9:40000 held"},
		"tel without":              {routing.Decision{Token: &token.Token{}, RequestURI: []byte("tel:+1-201")}, " to UDP invalid AddrPort failed"},
		"sips over a flow on UDP":  {routing.Decision{Token: held, RequestURI: []byte("sips:bob@10.0.0.5")}, " to UDP invalid AddrPort failed"},
	} {
		target, moved := OfDialog(m, &tt.d, tables(t), false)
		got := show([]Target{target})[0]
		if moved {
			got += " moved"
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	for name, tt := range map[string]struct {
		d    routing.Decision
		want string
	}{
		"another address":             {contact("sip:a@192.0.2.66:5062"), " to UDP 192.0.2.66:5062"},
		"the next Route before flows": {route(held, "sip:192.0.2.1;lr"), " to UDP 192.0.2.1:5060"},
		"a strict Route":              {routing.Decision{Token: made, NextRoute: []byte("sip:192.0.2.1")}, " to UDP 192.0.2.1:5060 strict sip:192.0.2.1"},
		"a name":                      {route(made, "sip:p.example;lr"), " to UDP p.example invalid AddrPort"},
	} {
		target, moved := OfDialog(m, &tt.d, tables(t), true)
		if got := show([]Target{target})[0]; got != tt.want || moved {
			t.Errorf("anywhere: %s: %q, moved %v, want %q", name, got, moved, tt.want)
		}
	}
}

// Of who may have moved the one binding counts that is the remote target, where it
// is reached.
func TestRFC3261_12_2_1_2_Moved(t *testing.T) {
	r := record(t, registered("sip:bob@192.0.2.4:5070", ""), registered("sips:bob@192.0.2.9", ""), registered("sip:bob@192.0.2.5;transport=tcp", ""))
	for uri, want := range map[string]string{
		"sip:%62ob@192.0.2.4:5070":        " to UDP 192.0.2.4:5070",
		"sip:bob@192.0.2.4":               "",
		"sip:eve@192.0.2.4:5070":          "",
		"sip:bob@192.0.2.5;transport=tcp": "",
		"sips:bob@192.0.2.9":              "",
	} {
		before := Target{Strict: []byte("sip:s"), Failed: true}
		after := before
		moved := after.Move(r, now+10, tables(t), []byte(uri))
		after.Strict = nil
		if got := show([]Target{after})[0]; moved != (want != "") || moved && got != want {
			t.Errorf("%s: %v, %q, want %q", uri, moved, got, want)
		}
	}
	byPath := registered("sip:bob@192.0.2.4:5070", "")
	byPath.Path = []byte("<sip:p.example;lr>")
	if (&Target{}).Move(record(t, byPath), now+10, tables(t), []byte("sip:bob@192.0.2.4:5070")) {
		t.Error("past the proxies that it registered through")
	}
	if r := record(t, registered("sip:bob@192.0.2.4:5070", "")); (&Target{}).Move(r, now+1_000_000_000, tables(t), []byte("sip:bob@192.0.2.4:5070")) {
		t.Error("to where nobody is registered any more")
	}
}

// A name is the same on every pod, and another for what is another way.
func TestNames(t *testing.T) {
	seen := map[string]string{}
	for what, target := range map[string]Target{
		"as it came": {}, "a URI": {URI: []byte("sip:a@b")}, "over NAT": {URI: []byte("sip:a@b"), Held: behindNAT},
		"over TLS": {URI: []byte("sip:a@b"), Held: onTLS}, "by a path": {URI: []byte("sip:a@b"), Path: []byte("<sip:p;lr>")},
		"over NAT, as it came":      {Held: behindNAT},
		"a phone with a connection": {URI: []byte("sip:a@b"), Held: onTLS, Instance: 1, AOR: []byte("sip:a@x")},
		"another of the user":       {URI: []byte("sip:a@b"), Held: onTLS, Instance: 2, AOR: []byte("sip:a@x")},
		"one of another":            {URI: []byte("sip:a@b"), Held: onTLS, Instance: 1, AOR: []byte("sip:b@x")},
		"its second flow":           {URI: []byte("sip:a@b"), Held: onTLS, Instance: 1, AOR: []byte("sip:a@x"), regID: 2},
	} {
		name := string(target.AppendName(nil, []byte("sip:bob@example.com")))
		if other := seen[name]; other != "" {
			t.Errorf("%s and %s are both %q", what, other, name)
		}
		seen[name] = what
		target.Held.Socket, target.Next = 3, behindNAT
		if target.Held.Conn != 0 { // another connection of the same phone
			target.Held.Conn, target.Held.Owner, target.Held.Remote = 77, 9, behindNAT.Remote
		}
		if again := string(target.AppendName(nil, []byte("sip:bob@example.com"))); again != name {
			t.Errorf("%s: at another pod %q, here %q", what, again, name)
		}
	}
}

func TestOfDialogDoesNotAllocate(t *testing.T) {
	m := &wire.Message{}
	if err := m.Scan([]byte("BYE sip:bob@10.0.0.4 SIP/2.0\r\n\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	way := &token.Token{Caller: flow.OverUDP(netip.MustParseAddrPort("198.51.100.1:5060")), Callee: behindNAT, CalleeNAT: true, Made: 1}
	own := tables(t)
	for name, d := range map[string]*routing.Decision{"at its address or not": {Token: way}, "behind NAT": {Token: way, ToCallee: true}} {
		if n := testing.AllocsPerRun(100, func() { _, _ = OfDialog(m, d, own, false) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
