package routing

import (
	"bytes"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Header lines of responses.
const (
	// AllowLine names what this proxy answers itself (RFC 3261 20.5).
	AllowLine = "Allow: OPTIONS, REGISTER\r\n"
	// OptionsLines are what a 200 to OPTIONS for the proxy itself says (RFC
	// 3261 11.2).
	OptionsLines = AllowLine + "Accept: application/sdp\r\nAccept-Encoding: identity\r\nAccept-Language: en\r\n"
	sipsLine     = "Warning: 380 sipring \"SIPS Not Allowed\"\r\n"
)

// Decide says what to do with a request that Message.Validate passed. ACK and
// CANCEL are to be offered to their transactions first.
func (t *Tables) Decide(m *wire.Message, d *Decision) {
	d.reset()
	uri, err := wire.ParseURI(m.RequestURI())
	if err != nil {
		d.reject(m, 400, "Malformed Request-URI", "request_uri")
		return
	}
	if !t.validate(m, &uri, d) {
		return
	}
	signed, ok := t.takeRoutes(m, &uri, d)
	if !ok {
		return
	}
	switch {
	case m.Method() == wire.MethodRegister:
		t.decideRegister(m, &uri, d)
	case d.forged && !signed && m.ToTag() != nil && m.Method() != wire.MethodAck:
		d.rejectForged(m)
	case d.NextRoute != nil && !signed:
		d.denyRoute(m)
	case signed && (d.NextRoute != nil || !t.isTarget(&uri, d)):
		t.decideInDialog(m, d)
	default:
		t.decideTarget(m, &uri, d)
	}
}

// validate is RFC 3261 16.3 steps 2 to 5. Step 1 is Message.Validate, step 6
// (authorization) is not here.
func (t *Tables) validate(m *wire.Message, uri *wire.URI, d *Decision) bool {
	if uri.Scheme == wire.SchemeOther {
		d.reject(m, 416, "Unsupported URI Scheme", "scheme")
		return false
	}
	if n, has, _ := m.MaxForwards(); has && n == 0 && m.Method() != wire.MethodRegister {
		if m.Method() == wire.MethodOptions {
			d.options(m)
			return false
		}
		d.reject(m, 483, "Too Many Hops", "max_forwards")
		return false
	}
	if t.looped(m, d) {
		d.reject(m, 482, "Loop Detected", "loop")
		return false
	}
	if m.Has(wire.HeaderProxyRequire) && m.Method() != wire.MethodAck && m.Method() != wire.MethodCancel {
		if d.unsupported(m, wire.HeaderProxyRequire, "") {
			d.reject(m, 420, "Bad Extension", "proxy_require")
			d.Extra = d.extra
			return false
		}
	}
	return true
}

// unsupported writes an Unsupported line with all values of the header but
// supported, and reports whether there was one.
func (d *Decision) unsupported(m *wire.Message, id wire.HeaderID, supported string) bool {
	d.extra = append(d.extra[:0], "Unsupported: "...)
	start := len(d.extra)
	for v := range m.Values(id) {
		if isToken(v, supported) {
			continue
		}
		if len(d.extra) > start {
			d.extra = append(d.extra, ", "...)
		}
		d.extra = append(d.extra, v...)
	}
	any := len(d.extra) > start
	d.extra = append(d.extra, "\r\n"...)
	return any
}

// maxPasses is how often a request may have passed this cluster, changed each
// time. Each pass costs a hash over its Request-URI and Routes.
const maxPasses = 16

// looped reports whether the request has passed this cluster before, just as it
// is now (RFC 3261 16.3 step 4), or too often.
func (t *Tables) looped(m *wire.Message, d *Decision) bool {
	passes := 0
	for v := range m.Values(wire.HeaderVia) {
		if !mayBeOurs(v) {
			continue
		}
		via, err := wire.ParseVia(v)
		if err != nil || len(via.Branch()) != token.BranchLen {
			continue
		}
		branch, ours := t.keys.ParseBranch(via.Branch())
		if !ours {
			continue
		}
		if passes++; passes > maxPasses || branch.Loop == t.keys.LoopHash(branch.Tx, d.LoopFields(m)) {
			return true
		}
	}
	return false
}

// mayBeOurs reports whether a Via holds something as long as a branch of ours;
// most are told apart without parsing them.
func mayBeOurs(via []byte) bool {
	at := bytes.Index(via, magicCookie)
	if at < 0 || len(via)-at < token.BranchLen {
		return false
	}
	rest := via[at+token.BranchLen:]
	return len(rest) == 0 || rest[0] == ';' || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r'
}

var magicCookie = []byte("z9hG4bK")

// Of gathers the fields of a request that decide where it goes. They are views
// into m and hold until the next call.
func (s *LoopScratch) Of(m *wire.Message) {
	s.routes = s.routes[:0]
	for r := range m.Values(wire.HeaderRoute) {
		s.routes = append(s.routes, r)
	}
	number, _, _ := m.CSeq()
	s.Fields = token.LoopFields{
		RequestURI: m.RequestURI(), Routes: s.routes, FromTag: m.FromTag(), CallID: m.CallID(), CSeq: number,
	}
}

// LoopFields returns the fields of the loop hash of m, the request decided on.
// They are gathered once.
func (d *Decision) LoopFields(m *wire.Message) *token.LoopFields {
	if !d.gathered {
		d.gathered = true
		d.loop.Of(m)
	}
	return &d.loop.Fields
}

// options answers as the user agent that the request is for (RFC 3261 8.2.2.3).
func (d *Decision) options(m *wire.Message) {
	if d.unsupported(m, wire.HeaderRequire, "") {
		d.reject(m, 420, "Bad Extension", "require")
		d.Extra = d.extra
		return
	}
	d.Action, d.Why, d.Status, d.Reason, d.Extra = Options, "options", 200, "OK", optionsLines
}

var (
	optionsLines = []byte(OptionsLines)
	allowLine    = []byte(AllowLine)
	sipsLines    = []byte(sipsLine)
)
