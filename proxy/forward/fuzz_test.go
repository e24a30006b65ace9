package forward

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// What a branch adds to a request beside contact and Path, in bytes, at most: Via,
// Record-Route, Max-Forwards, Max-Breadth, received and rport.
const maxAdded = 2048

// registered is what a call finds of a REGISTER; none if that is refused. over is
// the flow that stands for its contacts.
func (r *rig) registered(text []byte, over flow.Flow) (rec location.Record) {
	var m wire.Message
	if m.Scan(text, nil) != nil || m.Validate() != nil {
		return rec
	}
	d := &routing.Decision{}
	if r.tables.Decide(&m, d); d.Action != routing.Register {
		return rec
	}
	d.Update.Flow = over
	s := location.NewStore(1)
	s.Apply(1000, 0, 0, &d.Update, location.Limits{MaxContacts: 10}, 1000, 1)
	rec, _ = s.Get(0, d.Update.AOR).CopyTo(nil)
	return rec
}

// FuzzFork: whatever a request says, and whatever the contacts and the Path of who is
// called are made of, what leaves is that request: with our Via, the target and its
// Path, and nothing else that anybody wrote.
func FuzzFork(f *testing.F) {
	r := newRigOf(f, allTransports...)
	crlf := func(s string) []byte {
		return []byte(strings.ReplaceAll(strings.TrimLeft(strings.ReplaceAll(s, "\t", ""), "\n"), "\n", "\r\n"))
	}
	register := func(lines string) []byte {
		return crlf(change(invite, "INVITE sip:bob@example.com SIP", "REGISTER sip:example.com SIP", "1 INVITE", "1 REGISTER",
			"Contact: <sip:alice@192.0.2.10:5062>\n", lines))
	}
	bob := register("Contact: <sip:bob@198.51.100.7:5070>\n")
	for _, lines := range []string{
		"m: sip:bob@198.51.100.7;lr;x=%0d%0aVia\n",
		"Contact: \"a\\\"<b\" <sip:b%0Aob@[2001:db8::7]?Route=%3Csip:x%3E&Via=x>;q=0.1;x=\"a;\n b\";+sip.instance=\"<urn:a\\\"b>\";reg-id=1\n",
		"Contact: <sip:a@198.51.100.1>, <sip:b@198.51.100.2>;+sip.instance=\"<1>\", <sip:c@198.51.100.2>;+sip.instance=\"<1>\"\nPath: <sip:192.0.2.1;lr>,\n <sip:192.0.2.2>\n",
		"Contact: <tel:1>, <sip:b@example.com>\nPath: \"a,b\" <sip:192.0.2.1;x=\",\">;y=\">\"\n",
		"Contact: <sip:b@198.51.100.2>\nPath: <sip:192.0.2.1>\n ;x\n",
	} {
		f.Add(crlf(invite), register(lines), uint8(1))
		f.Add(crlf(change(invite, "From:", "Route: <sip:sip.example.net;lr>\n\tv: SIP/2.0/UDP b;branch=1, SIP/2.0/UDP\n\t c;branch=2\n\tX: a,\n\t b\n\tFrom:")), register(lines), uint8(17))
	}
	f.Add(crlf(change(invite, "INVITE", "CANCEL", "Max-Forwards: 70", "Max-Breadth: 1")), bob, uint8(0))
	f.Add(crlf(change(invite, "INVITE", "NOTIFY", "Max-Forwards: 70\n", "")), bob, uint8(1))
	f.Add(crlf(change(invite, "sip:bob@example.com SIP", "sips:bob@example.com SIP")), register("Contact: <sips:b@x.invalid;transport=ws>\n"), uint8(4+5*5))
	f.Fuzz(func(t *testing.T, text, register []byte, ways uint8) {
		var m wire.Message
		if m.Scan(text, nil) != nil || m.Validate() != nil || !m.IsRequest() {
			return
		}
		via, err := m.TopVia()
		source := conn(flow.Transport(ways%5), "203.0.113.1:30000", 0)
		d := &routing.Decision{From: source}
		if r.tables.Decide(&m, d); err != nil || d.Action != routing.Lookup {
			return
		}
		var over flow.Flow
		if t := flow.Transport(ways / 5 % 6); t > 0 {
			over = conn(t-1, "203.0.113.9:40000", 0)
		}
		list := targets.AppendBindings(nil, r.registered(register, over), 1000, r.tables, d.Callee())
		list = slices.DeleteFunc(list, func(t targets.Target) bool { return r.tables.HasAOR(uriOf(&t)) })
		if !targets.Share(list, targets.Breadth(&m)) {
			return
		}
		for i := range list {
			list[i].Next = list[i].Held
		}
		req := &Request{
			Message: &m, Via: &via, From: source, Back: transport.ResponseFlow(&via, source), Decision: d,
			Owner: Owner{ID: 3, Life: 0xbeef}, Stateless: m.Method() == wire.MethodCancel || m.Method() == wire.MethodAck,
			CallerEnd: token.End{AOR: []byte("sip:alice@example.com"), Instance: 1},
		}
		var b Builder
		tx := token.TxID{1, 2, 3}
		all, fork := b.Fork(nil, nil, r.names, req, tx, list)
		for i := range fork {
			c := leaving{t: t, keys: r.keys, before: &m, target: &list[i], raw: fork[i].Bytes}
			c.check(fork[i].Branch)
		}
		if again, _ := b.Fork(nil, nil, r.names, req, tx, list); !bytes.Equal(again, all) {
			t.Fatalf("again it is\n%s\nnot\n%s", again, all)
		}
	})
}

func uriOf(t *targets.Target) *wire.URI {
	u, _ := wire.ParseURI(t.URI) // of a binding: it was parsed before
	return &u
}

// leaving is one request that leaves, and what it was.
type leaving struct {
	t      *testing.T
	keys   *token.Keys
	before *wire.Message
	target *targets.Target
	raw    []byte
	after  wire.Message
}

func (c *leaving) check(branch token.Branch) {
	c.t.Helper()
	lim := wire.DefaultLimits()
	lim.MaxMessage, lim.MaxHeaders, lim.MaxHeaderLen, lim.MaxStartLine = 1<<20, 200, 1<<16, 1<<13
	if err := c.after.Scan(c.raw, &lim); err != nil {
		c.t.Fatalf("%v\n%q", err, c.raw)
	}
	if err := c.after.Validate(); err != nil {
		c.t.Fatalf("%v\n%q", err, c.raw)
	}
	if most := len(c.before.Raw) + len(c.target.URI) + len(c.target.Path) + 16*len(", Route: \r\n") + maxAdded; len(c.raw) > most {
		c.t.Fatalf("%d bytes of %d", len(c.raw), len(c.before.Raw))
	}
	c.checkVia(branch)
	c.checkTarget()
	if got, want := others(&c.after), others(c.before); !slices.Equal(got, want) || !bytes.Equal(c.after.BodyBytes(), c.before.BodyBytes()) {
		c.t.Fatalf("what is not ours became %q, was %q\n%q", got, want, c.raw)
	}
	if !bytes.Equal(c.after.MethodBytes(), c.before.MethodBytes()) {
		c.t.Fatalf("%s became %s", c.before.MethodBytes(), c.after.MethodBytes())
	}
}

// checkVia: ours is on top and names the branch, the others are there as they were,
// and the response's way back leaves those.
func (c *leaving) checkVia(branch token.Branch) {
	c.t.Helper()
	got, want := values(&c.after, wire.HeaderVia), values(c.before, wire.HeaderVia)
	via, err := c.after.TopVia()
	if err != nil || len(got) != len(want)+1 || !slices.Equal(got[min(2, len(got)):], want[1:]) {
		c.t.Fatalf("%v: Via %q of %q", err, got, want)
	}
	if b, ours := c.keys.ParseBranch(via.Branch()); !ours || b != branch {
		c.t.Fatalf("the Via on top is %q", got[0])
	}
	hops, has, _ := c.before.MaxForwards()
	if left, _, err := c.after.MaxForwards(); err != nil || has && left != hops-1 || !has && left != defaultMaxForwards {
		c.t.Fatalf("Max-Forwards %d became %d, %v", hops, left, err)
	}
	response := wire.AppendResponse(nil, &c.after, 180, "Ringing", []byte("b"), nil)
	var r wire.Message
	if err := r.Scan(response, &wire.Limits{MaxMessage: 1 << 20, MaxHeaderLen: 1 << 16}); err != nil {
		c.t.Fatalf("%v\n%q", err, response)
	}
	var b Builder
	if err := r.Scan(b.Response(nil, &r, false), &wire.Limits{MaxMessage: 1 << 20, MaxHeaderLen: 1 << 16}); err != nil || !slices.Equal(values(&r, wire.HeaderVia), got[1:]) {
		c.t.Fatalf("%v: back it has Via %q, not %q", err, values(&r, wire.HeaderVia), got[1:])
	}
}

// checkTarget: the Request-URI and the Routes are those of the target, and no Route of
// the request's is left, as they were all ours.
func (c *leaving) checkTarget() {
	c.t.Helper()
	var path []string
	for v, rest := wire.CutValue(c.target.Path); v != nil; v, rest = wire.CutValue(rest) {
		path = append(path, string(v))
	}
	uri := string(c.target.URI)
	if c.target.Strict != nil {
		path = append(path[1:], "<"+uri+">")
		uri = string(wire.WithoutHeaders(c.target.Strict))
	}
	if bytes.ContainsAny(c.target.Path, "\r\n") || bytes.ContainsAny(c.target.URI, "\r\n") {
		c.t.Fatalf("line ends in %q or %q", c.target.Path, c.target.URI)
	}
	if got := values(&c.after, wire.HeaderRoute); !slices.Equal(got, path) || string(c.after.RequestURI()) != uri {
		c.t.Fatalf("%q by %q, not %q by %q", c.after.RequestURI(), got, uri, path)
	}
	if added := len(values(&c.after, wire.HeaderRecordRoute)) - len(values(c.before, wire.HeaderRecordRoute)); added < 0 || added > 2 {
		c.t.Fatalf("%d Record-Routes more", added)
	}
}

func values(m *wire.Message, id wire.HeaderID) []string {
	out := []string{}
	for v := range m.Values(id) {
		out = append(out, string(v))
	}
	return out
}

// others are the header lines that a proxy does not touch (RFC 3261 16.6), in order.
func others(m *wire.Message) []string {
	var out []string
	for i := range m.Headers {
		switch h := &m.Headers[i]; h.ID {
		case wire.HeaderVia, wire.HeaderRoute, wire.HeaderRecordRoute, wire.HeaderMaxForwards, wire.HeaderMaxBreadth:
		default:
			out = append(out, string(h.Line.In(m.Raw)))
		}
	}
	return out
}

// FuzzFind: what is quoted of a request names its branch as it is written there after
// our Via, and an owner that says the same when it is written again.
func FuzzFind(f *testing.F) {
	r := newRig(f)
	req := r.request(invite, "192.0.2.10:5062")
	var b Builder
	_, fork := b.Fork(nil, nil, r.names, req, token.TxID{1}, []targets.Target{one("sip:bob@198.51.100.7", "198.51.100.7:5060")})
	sent, made := fork[0].Bytes, fork[0].Branch
	via := r.names.places[0].via
	at := bytes.Index(sent, via)
	for _, data := range [][]byte{
		sent, sent[:at], sent[at : at+len(via)], sent[:at+len(via)+token.BranchLen], sent[:at+len(via)+token.BranchLen+len(ownerParam)+3],
		bytes.Replace(sent, []byte(";o=3-"), []byte(";o=4294967296-"), 1), bytes.Replace(sent, []byte("INVITE sip"), []byte("SIP/2.0 200"), 1),
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q, ok := r.names.Find(data)
		if !ok {
			return
		}
		whole := append(bytes.Clone(via), q.Text...)
		if len(q.Text) != token.BranchLen || !bytes.Contains(data, whole) || bytes.HasPrefix(data, responsePrefix) {
			t.Fatalf("%q in %q", q.Text, data)
		}
		if branch, ours := r.keys.ParseBranch(q.Text); ours && branch != made {
			t.Fatalf("%q is a branch that was never made", q.Text)
		}
		if again, named := parseOwner(q.Owner.append(nil)); q.Named && (!named || again != q.Owner) {
			t.Fatalf("owner %+v is read as %+v", q.Owner, again)
		}
	})
}
