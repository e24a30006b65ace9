package forward

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

var update = flag.Bool("update", false, "write testdata anew")

// rig makes what leaves of text, as a proxy at sip.example.net does.
type rig struct {
	t      testing.TB
	keys   *token.Keys
	tables *routing.Tables
	names  *Names
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigOf(t)
}

// newDualRig is one at another address, with one of the other family, and of these
// listeners.
func newDualRig(t testing.TB, advertise, second string, listeners ...config.Listener) *rig {
	t.Helper()
	return newRigAt(t, &config.MemberSet{Advertise: advertise, Second: second}, listeners)
}

// newRigOf is a cluster of these listeners.
func newRigOf(t testing.TB, listeners ...config.Listener) *rig {
	t.Helper()
	return newRigAt(t, nil, listeners)
}

func newRigAt(t testing.TB, set *config.MemberSet, listeners []config.Listener) *rig {
	t.Helper()
	return newRigBeside(t, nil, set, listeners)
}

// newRigBeside is one with an application beside each member; nil: with none.
func newRigBeside(t testing.TB, app *config.LocalApp, set *config.MemberSet, listeners []config.Listener) *rig {
	t.Helper()
	keys, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{1, 2, 3}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Cluster: "test", Domains: []string{"example.com"}, Advertise: "sip.example.net", Listeners: listeners, LocalApp: app}
	c.ApplyDefaults()
	tables, err := routing.NewTables(c, set, address("10.0.0.1:5060"), keys, routing.Checks{})
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, keys, tables, NewNames(keys, tables)}
}

func address(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// request is one that is decided on; it came from an address.
func (r *rig) request(text, from string) *Request {
	r.t.Helper()
	m := &wire.Message{}
	text = strings.ReplaceAll(strings.TrimLeft(strings.ReplaceAll(text, "\t", ""), "\n"), "\n", "\r\n")
	if err := m.Scan([]byte(text), nil); err != nil {
		r.t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		r.t.Fatal(err)
	}
	via, err := m.TopVia()
	if err != nil {
		r.t.Fatal(err)
	}
	d := &routing.Decision{Hour: 0x1234}
	r.tables.Decide(m, d)
	source := flow.OverUDP(address(from))
	return &Request{
		Message: m, Via: &via, From: source, Back: transport.ResponseFlow(&via, source), Decision: d,
		Owner: Owner{ID: 3, Life: 0xbeef},
	}
}

// leaves is what leaves for the targets, each with its branch and flow above it.
func (r *rig) leaves(req *Request, list []targets.Target) string {
	r.t.Helper()
	if !targets.Share(list, targets.Breadth(req.Message)) {
		r.t.Fatal("too many targets")
	}
	var b Builder
	tx := token.TxID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	_, fork := b.Fork(nil, nil, r.names, req, tx, list)
	var out strings.Builder
	for i := range fork {
		f := &fork[i]
		fmt.Fprintf(&out, "# target %08x loop %08x group %d over %v to %s\n", f.Branch.Target, f.Branch.Loop, f.Group, f.Flow.Transport, f.Flow.Remote)
		out.WriteString(strings.ReplaceAll(string(f.Bytes), "\r\n", "\n"))
	}
	return out.String()
}

// one is a target that is reached over UDP.
func one(uri, next string) targets.Target {
	t := targets.Target{Next: flow.OverUDP(address(next))}
	if uri != "" {
		t.URI = []byte(uri)
	}
	return t
}

func with(t targets.Target, change func(*targets.Target)) targets.Target {
	change(&t)
	return t
}

const invite = `
	INVITE sip:bob@example.com SIP/2.0
	Via: SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bKa;rport
	Max-Forwards: 70
	From: <sip:alice@example.com>;tag=a
	To: <sip:bob@example.com>
	Call-ID: call-1
	CSeq: 1 INVITE
	Contact: <sip:alice@192.0.2.10:5062>
	Content-Type: application/sdp
	Content-Length: 5

	v=0
`

// within makes the request one within its dialog, by a token of ours.
func (r *rig) within(text string, tok *token.Token, more string) string {
	tok.CallerTag = token.HashTag([]byte("a"))
	route := r.keys.AppendToken([]byte("Route: <sip:"), tok, []byte("call-1"))
	text = strings.Replace(text, "To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=b", 1)
	return strings.Replace(text, "From:", string(route)+"@sip.example.net:5060;lr>"+more+"\n\tFrom:", 1)
}

func change(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

// TestGolden: what leaves, byte for byte. testdata is written with -update; what
// changes there changes what phones and proxies get.
func TestGolden(t *testing.T) {
	r := newRig(t)
	bye := change(invite, "INVITE", "BYE", "sip:bob@example.com SIP", "sip:bob@198.51.100.7:5070 SIP", "Max-Forwards: 70", "Max-Forwards: 9")
	nat := flow.OverUDP(address("203.0.113.9:40000"))
	bob := one("sip:bob@198.51.100.7:5070", "198.51.100.7:5070")
	for name, tt := range map[string]struct {
		text, from string
		stateless  bool
		targets    []targets.Target
	}{
		"invite":            {text: invite, targets: []targets.Target{bob}},
		"fork":              {text: invite, targets: []targets.Target{bob, one("sip:bob@198.51.100.8", "198.51.100.8:5060"), with(one("sip:bob@10.0.0.9", "203.0.113.9:40000"), func(t *targets.Target) { t.Held, t.Group = nat, 7 })}},
		"caller-behind-nat": {text: change(invite, "192.0.2.10", "10.0.0.10"), from: "203.0.113.1:30000", targets: []targets.Target{bob}},
		"caller-in-ipv6":    {text: change(invite, "192.0.2.10:5062;branch=z9hG4bKa;rport", "[2001:db8::10]:5062;branch=z9hG4bKa"), from: "[2001:db8::11]:5062", targets: []targets.Target{bob}},
		"no-max-forwards":   {text: change(invite, "Max-Forwards: 70\n", "Max-Breadth: 7\n"), targets: []targets.Target{bob, one("sip:b@198.51.100.8", "198.51.100.8:5060")}},
		"own-route":         {text: change(invite, "From:", "Route: <sip:sip.example.net;lr>, <sip:example.com;lr>\n\tFrom:"), targets: []targets.Target{bob}},
		"contact":           {text: change(invite, "sip:bob@example.com SIP", "sip:bob@198.51.100.7:5070 SIP"), targets: []targets.Target{one("", "198.51.100.7:5070")}},
		"path": {text: invite, targets: []targets.Target{with(one("sip:bob@10.0.0.4", "192.0.2.1:5060"), func(t *targets.Target) {
			t.Path = []byte("<sip:192.0.2.1;lr>, <sip:192.0.2.2;lr;x=\",\">")
		})}},
		"strict-path": {text: invite, targets: []targets.Target{with(one("sip:bob@10.0.0.4", "192.0.2.1:5060"), func(t *targets.Target) {
			t.Path, t.Strict = []byte("<sip:192.0.2.1>, <sip:192.0.2.2;lr>"), []byte("sip:192.0.2.1")
		})}},
		"tel":              {text: change(invite, "sip:bob@example.com SIP", "tel:+1-201 SIP"), targets: []targets.Target{bob}},
		"bye-in-dialog":    {text: r.within(bye, &token.Token{}, ""), targets: []targets.Target{one("", "198.51.100.7:5070")}},
		"bye-over-flow":    {text: r.within(bye, &token.Token{Callee: nat}, ""), targets: []targets.Target{with(one("", "203.0.113.9:40000"), func(t *targets.Target) { t.Held = nat })}},
		"bye-next-route":   {text: r.within(bye, &token.Token{}, ", <sip:p.example.org;lr>"), targets: []targets.Target{one("", "192.0.2.77:5060")}},
		"bye-strict-route": {text: r.within(bye, &token.Token{}, ", <sip:p.example.org>"), targets: []targets.Target{with(one("", "192.0.2.77:5060"), func(t *targets.Target) { t.Strict = []byte("sip:p.example.org") })}},
		"bye-stateless":    {text: r.within(bye, &token.Token{}, ""), stateless: true, targets: []targets.Target{one("", "198.51.100.7:5070")}},
		"notify":           {text: r.within(change(bye, "BYE", "NOTIFY"), &token.Token{}, ""), targets: []targets.Target{one("", "198.51.100.7:5070")}},
		"subscribe":        {text: change(invite, "INVITE", "SUBSCRIBE"), targets: []targets.Target{bob}},
		"message":          {text: change(invite, "INVITE", "MESSAGE"), targets: []targets.Target{bob}},
		"cancel":           {text: change(invite, "INVITE", "CANCEL"), stateless: true, targets: []targets.Target{bob}},
		"ack":              {text: r.within(change(bye, "BYE", "ACK"), &token.Token{}, ""), stateless: true, targets: []targets.Target{one("", "198.51.100.7:5070")}},
	} {
		t.Run(name, func(t *testing.T) {
			from := tt.from
			if from == "" {
				from = "192.0.2.10:5062"
			}
			req := r.request(tt.text, from)
			req.Stateless = tt.stateless
			golden(t, name, r.leaves(req, tt.targets))
		})
	}
}

// TestGoldenSender: what leaves of who sends, and to whom.
func TestGoldenSender(t *testing.T) {
	r := newRig(t)
	bob := one("sip:bob@198.51.100.7:5070", "198.51.100.7:5070")
	text := change(invite, "\n\tContact:", "\n\tProxy-Authorization: Digest realm=\"example.com\"\n\tP-Asserted-Identity: <sip:boss@example.com>\n\tProxy-Authorization: Digest realm=\"example.net\"\n\tPrivacy: id\n\tContact:")
	index := func(req *Request, id wire.HeaderID) int { return req.Message.Index(id) }
	for name, sender := range map[string]func(*Request, *routing.Sender){
		"sender-of-a-trusted-source": func(*Request, *routing.Sender) {},
		"sender-not-asserted": func(req *Request, s *routing.Sender) {
			s.Strip = append(s.Strip, index(req, wire.HeaderProxyAuthorization), index(req, wire.HeaderPAssertedIdentity))
		},
		"sender-asserted": func(req *Request, s *routing.Sender) {
			s.Strip = append(s.Strip, index(req, wire.HeaderProxyAuthorization), index(req, wire.HeaderPAssertedIdentity))
			s.Assert = []byte("<sip:alice@example.com>")
		},
		"sender-private": func(req *Request, s *routing.Sender) {
			s.Strip = append(s.Strip, index(req, wire.HeaderProxyAuthorization))
			s.Assert, s.Private, s.Trusts = []byte("<sip:alice@example.com>"), true, func(netip.Addr) bool { return false }
		},
		"sender-private-to-a-trusted-target": func(req *Request, s *routing.Sender) {
			s.Strip = append(s.Strip, index(req, wire.HeaderProxyAuthorization), index(req, wire.HeaderPAssertedIdentity))
			s.Assert, s.Private, s.Trusts = []byte("<sip:alice@example.com>"), true, func(to netip.Addr) bool { return to == bob.Next.Remote.Addr() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			req := r.request(text, "192.0.2.10:5062")
			sender(req, &req.Decision.Sender)
			golden(t, name, r.leaves(req, []targets.Target{bob}))
		})
	}
}

// TestDoubtedResponse: what it says of who sends it goes no further.
func TestDoubtedResponse(t *testing.T) {
	text := strings.ReplaceAll("SIP/2.0 200 OK\nVia: SIP/2.0/UDP a\nVia: SIP/2.0/UDP b\nP-Asserted-Identity: <sip:boss@example.com>\nRemote-Party-ID: <sip:boss@example.com>\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: c\nCSeq: 1 INVITE\n\n", "\n", "\r\n")
	var m wire.Message
	if err := m.Scan([]byte(text), nil); err != nil {
		t.Fatal(err)
	}
	for doubted, want := range map[bool]int{false: 1, true: 0} {
		var b Builder
		if out := b.Response(nil, &m, doubted); bytes.Count(out, []byte("boss")) != 2*want || bytes.Count(out, []byte("Via")) != 1 {
			t.Errorf("doubted %v:\n%s", doubted, out)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-testdata +now:\n%s", diff)
	}
}

// A strict router before us put our URI into the request line (RFC 3261 16.4).
func TestStrictRouterBefore(t *testing.T) {
	r := newRig(t)
	text := r.within(change(invite, "INVITE", "BYE"), &token.Token{}, "")
	_, uri, _ := strings.Cut(text, "Route: <")
	uri, _, _ = strings.Cut(uri, ">")
	text = change(text, "BYE sip:bob@example.com SIP", "BYE "+uri+" SIP", "Route: <"+uri+">", "Route: <sip:p.example.org;lr>, <sip:bob@198.51.100.7>")
	got := r.leaves(r.request(text, "192.0.2.10:5062"), []targets.Target{one("", "192.0.2.77:5060")})
	for _, want := range []string{"\nBYE sip:bob@198.51.100.7 SIP/2.0\n", "\nRoute: <sip:p.example.org;lr>\n"} {
		if !strings.Contains(got, want) || strings.Count(got, "Route:") != 1 {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

// What is built before stays as it is when the buffer grows, and a builder that is
// used again builds the same.
func TestBuilderIsUsedAgain(t *testing.T) {
	r := newRig(t)
	req := r.request(invite, "192.0.2.10:5062")
	var list []targets.Target
	for i := range 20 {
		list = append(list, one(fmt.Sprintf("sip:bob@198.51.100.%d", i), "198.51.100.7:5070"))
	}
	var b Builder
	tx := token.TxID{1, 9}
	out, first := b.Fork(nil, nil, r.names, req, tx, list)
	var kept [][]byte
	for i := range first {
		kept = append(kept, bytes.Clone(first[i].Bytes))
	}
	_, second := b.Fork(nil, nil, r.names, req, tx, list)
	for i := range kept {
		if !bytes.Equal(kept[i], first[i].Bytes) || !bytes.Equal(kept[i], second[i].Bytes) || !bytes.Contains(out, kept[i]) {
			t.Fatalf("%d was\n%s\nand is\n%s\nand again\n%s", i, kept[i], first[i].Bytes, second[i].Bytes)
		}
	}
}

func TestForkDoesNotAllocate(t *testing.T) {
	r := newRig(t)
	bye := r.request(r.within(change(invite, "INVITE", "BYE", "sip:bob@example.com SIP", "sip:bob@198.51.100.7 SIP"), &token.Token{}, ", <sip:p.example.org>"), "192.0.2.10:5062")
	for name, tt := range map[string]struct {
		req  *Request
		list []targets.Target
	}{
		"INVITE": {r.request(invite, "203.0.113.1:30000"), []targets.Target{one("sip:bob@198.51.100.7", "198.51.100.7:5070"), one("sip:bob@198.51.100.8", "198.51.100.8:5070")}},
		"BYE":    {bye, []targets.Target{with(one("", "192.0.2.77:5060"), func(t *targets.Target) { t.Strict = []byte("sip:p.example.org") })}},
	} {
		var b Builder
		var out []byte
		var fork []transaction.Target
		if n := testing.AllocsPerRun(200, func() {
			out, fork = b.Fork(out[:0], fork[:0], r.names, tt.req, token.TxID{1, 9}, tt.list)
		}); n != 0 && !raceDetector {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
