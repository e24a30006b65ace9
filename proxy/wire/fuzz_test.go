package wire

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// addMessages seeds a fuzz target with everything the tests have.
func addMessages(f *testing.F, add func([]byte)) {
	for _, c := range tortures(f) {
		add(c.Raw)
	}
	add(benchINVITE)
	add(benchREGISTER)
	for _, raw := range []string{
		"\r\n", "SIP/2.0 200 OK\r\n\r\n", "A b SIP/2.0\n\n", "A b SIP/2.0\nv:\n \n\t\n\n", "A b SIP/2.0\nv:,,\"\\\nv:<\n\n",
		"A b SIP/2.0\nl:1\n\nx", "A b SIP/2.0\nl:\n\n", "A b SIP/2.0\n:\n\n", "A b SIP/2.0\n\r\r\n\n", "A  SIP/2.0\n\n", "SIP/2.0 \n\n",
	} {
		add([]byte(raw))
	}
}

func FuzzScan(f *testing.F) {
	addMessages(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m Message
		err := m.Scan(raw[:len(raw):len(raw)], nil)
		// What lies behind the slice is of no consequence.
		var n Message
		longer := append(append(make([]byte, 0, len(raw)+9), raw...), "\r\nv: x\r\n"...)
		if again := n.Scan(longer[:len(raw)], nil); verdict(again) != verdict(err) {
			t.Fatalf("%v, and then %v", verdict(err), verdict(again))
		}
		dropped := err != nil && asError(err).Status == 0
		checkSpans(t, &m)
		exercise(&m)
		if dropped {
			return
		}
		checkAnswer(t, &m)
		if err != nil {
			return
		}
		checkCover(t, &m)
		checkParsed(t, &n)
		if at := bytes.Index(raw, m.Raw); at < 0 {
			t.Fatal("Raw is not part of the input")
		}
	})
}

// checkSpans: whatever Scan said, all spans are inside Raw and inside each other.
func checkSpans(t *testing.T, m *Message) {
	all := span(0, len(m.Raw))
	ordered := func(s Span) bool { return s.Start <= s.End && all.contains(s) }
	for _, s := range []Span{m.Body, m.methodAt, m.uriAt, m.reasonAt} {
		if !ordered(s) {
			t.Fatalf("span %v of %d bytes", s, len(m.Raw))
		}
	}
	end := m.headersAt
	for i, h := range m.Headers {
		if !ordered(h.Line) || !ordered(h.Name) || !ordered(h.Value) || !h.Line.contains(h.Name) || !h.Line.contains(h.Value) ||
			h.Name.End > h.Value.Start || h.Line.Start < end || h.Line.End > m.blankAt {
			t.Fatalf("header %d: %+v after %d of %d bytes", i, h, end, len(m.Raw))
		}
		if id := LookupHeader(h.Name.In(m.Raw)); id != h.ID {
			t.Fatalf("header %d is %v, not %v", i, id, h.ID)
		}
		end = h.Line.End
	}
	for id := range headerCount {
		want := -1
		for i := range m.Headers {
			if m.Headers[i].ID == id {
				want = i
				break
			}
		}
		if m.Index(id) != want {
			t.Fatalf("the first %v is %d, not %d", id, want, m.Index(id))
		}
	}
}

// checkCover: an accepted message is its start line, its headers, a blank line and its body, without a gap.
func checkCover(t *testing.T, m *Message) {
	at := m.headersAt
	for _, h := range m.Headers {
		if h.Line.Start != at {
			t.Fatalf("gap before %+v", h)
		}
		at = h.Line.End
	}
	blank := string(m.Raw[m.blankAt:m.Body.Start])
	if at != m.blankAt || blank != "\r\n" && blank != "\n" || int(m.Body.End) != len(m.Raw) {
		t.Fatalf("headers to %d, blank line %q at %d, body %v of %d bytes", at, blank, m.blankAt, m.Body, len(m.Raw))
	}
	start := m.Raw[:m.headersAt]
	if bytes.IndexByte(start, '\n') != len(start)-1 {
		t.Fatalf("start line %q", start)
	}
}

// checkAnswer: what can be answered has a response that is one itself.
func checkAnswer(t *testing.T, m *Message) {
	o := ResponseOptions{ToTag: []byte("x"), Received: []byte("::1"), RPort: 1, SetRPort: true, RecordRoute: true}
	response := AppendResponseWith(nil, m, 400, "Bad Request", &o)
	var r Message
	if err := r.Scan(response, &Limits{MaxMessage: 1 << 20, MaxHeaderLen: 1 << 20}); err != nil {
		t.Fatalf("%q: %v", response, err)
	}
	if got, want := len(values(&r, HeaderVia)), len(values(m, HeaderVia)); got != want && (got > want || !m.unclean) {
		t.Fatalf("%d Via in %q, not %d", got, response, want)
	}
	id := bytes.Clone(m.CallID())
	if m.unclean {
		clean(id)
	}
	if !bytes.Equal(r.CallID(), trimLWS(id)) || r.StatusCode() != 400 || len(r.BodyBytes()) != 0 {
		t.Fatalf("%q", response)
	}
}

// exercise calls everything that reads a Message.
func exercise(m *Message) {
	_ = m.Validate()
	for id := range headerCount + 1 {
		for v := range m.Values(id) {
			n, _ := ParseNameAddr(v)
			_ = n.Tag()
			_, _ = ParseVia(v)
			uri, _ := ParseURI(n.URI)
			_ = CanonicalAOR(nil, uri)
		}
	}
	_, _ = m.SecondVia()
	_, _, _ = m.Expires()
	_ = m.CSeqMethod()
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{
		"sip:a:b@c:5060;d=e?f=g", "sips:[::1]:1", "tel:+1-2;phone-context=x", "urn:x", "sip:%41@%", "sip:a;b?c@d;e;f=?g", "sip:a@b;c=d%20",
		"sip:a@h?x=1&y=2", "sip:0..", "sip:a.:1", "sip:a@[:::1.2.3.4]", "sip:A@B.:5061", "sips:a@b:5061", "tel:12;PHONE-CONTEXT=+1", "sip:\xff@\xff",
	} {
		f.Add([]byte(s), []byte("sip:a@b;transport=udp"))
	}
	f.Fuzz(func(t *testing.T, b, other []byte) {
		if got := EqualURI(b, other); got != EqualURI(other, b) {
			t.Fatalf("%q and %q: %v one way only", b, other, got)
		}
		if !EqualURI(b, bytes.Clone(b)) {
			t.Fatalf("%q does not equal itself", b)
		}
		u, err := ParseURI(b)
		if err != nil {
			return
		}
		if u.Scheme == SchemeSIP || u.Scheme == SchemeSIPS {
			checkWhole(t, b, &u)
		}
		canonical := CanonicalAOR(nil, u)
		again, err := ParseURI(canonical)
		if err != nil {
			t.Fatalf("%q is no URI any more: %q", b, canonical)
		}
		if twice := CanonicalAOR(nil, again); !bytes.Equal(twice, canonical) {
			t.Fatalf("%q has the forms %q and %q", b, canonical, twice)
		}
	})
}

// checkWhole: the parts of a SIP URI are the URI.
func checkWhole(t *testing.T, b []byte, u *URI) {
	var s strings.Builder
	s.Write(u.SchemeBytes)
	s.WriteByte(':')
	s.Write(u.User)
	if u.Password != nil {
		s.WriteByte(':')
		s.Write(u.Password)
	}
	if u.User != nil {
		s.WriteByte('@')
	}
	s.Write(u.Host)
	rest, ok := bytes.CutPrefix(b, []byte(s.String()))
	if !ok {
		t.Fatalf("%q does not begin with %q", b, s.String())
	}
	if u.HasPort {
		rest = bytes.TrimLeft(rest[1:], "0123456789")
	}
	s.Reset()
	if u.Params != nil {
		s.WriteByte(';')
		s.Write(u.Params)
	}
	if u.Headers != nil {
		s.WriteByte('?')
		s.Write(u.Headers)
	}
	if string(rest) != s.String() {
		t.Fatalf("%q ends with %q, not %q", b, rest, s.String())
	}
}

func FuzzHostAddr(f *testing.F) {
	for _, s := range []string{"1.2.3.4", "::", "1::", "::1.2.3.4", "1:2:3:4:5:6:7:8", "fe80::1%0", "01.2.3.4", "1:2:3:4:5:6:7::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "%") { // the zones that may stand in a URI are fewer
			return
		}
		want, err := netip.ParseAddr(s)
		want = want.Unmap()
		ok := err == nil
		got, gotOK := HostAddr([]byte(s))
		if strings.HasPrefix(s, "[") || strings.Contains(s, ":::") { // ours alone: brackets, and RFC 5118 4.10
			return
		}
		if gotOK != ok || ok && got != want {
			t.Fatalf("%q: got %v %v, want %v %v", s, got, gotOK, want, err)
		}
	})
}

func FuzzVia(f *testing.F) {
	for _, s := range []string{
		"SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport", "SIP / 2.0 / UDP h: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z", "SIP/2.0/TLS [::1];received=1.2.3.4;rport=1;",
		`SIP/2.0/UDP h;x="a;b\"";received="x"`, "SIP/2.0/UDP h ; ", "SIP/2.0/UDP h;rport= ;received", "SIP/2.0/UDP h;rport= ;", "SIP/2.0/UDP h;received=  ; rport = ",
	} {
		f.Add([]byte(s), uint16(5060))
	}
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		via, err := ParseVia(b)
		if err != nil {
			return
		}
		var m Message
		if m.Scan([]byte("A b:c SIP/2.0\r\nVia: "+string(b)+"\r\nVia: SIP/2.0/UDP next\r\n\r\n"), nil) != nil {
			return // line ends, or a NUL
		}
		if top, err := m.TopVia(); err != nil || len(m.Headers) != 2 || !bytes.Equal(top.Params, via.Params) {
			return // line ends, or a comma
		}
		var e Edit
		e.Reset(&m)
		e.PatchTopVia([]byte("192.0.2.1"), port, true)
		patched := e.Append(nil)
		if err := m.Scan(patched, nil); err != nil {
			t.Fatalf("%q: %v", patched, err)
		}
		got, err := m.TopVia()
		rport, ok := got.RPort()
		if err != nil || string(got.Received()) != "192.0.2.1" || rport != port || !ok || !bytes.Equal(got.Branch(), via.Branch()) ||
			!bytes.Equal(got.Host, via.Host) || got.Port != via.Port || !bytes.Equal(got.Transport, via.Transport) {
			t.Fatalf("%q became %q: %+v %v", b, patched, got, err)
		}
		if next, err := m.SecondVia(); err != nil || string(next.Host) != "next" {
			t.Fatalf("%q: the next Via is %+v %v", patched, next, err)
		}
	})
}

func FuzzNameAddr(f *testing.F) {
	for _, s := range []string{
		`"a \" b" <sip:c@d;e>;tag=f`, "sip:a@b;tag=c", "a b<sip:c>", "*", `<sip:a>;x="y;tag=z"`, "<sip:a@b> ; tag = c ;", "<0:>;tAg", "sip:a;", `"" <a:b>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ParseNameAddr(b)
		if err != nil || n.Star {
			return
		}
		tag, tagged := n.Param("tag")
		var m Message
		if m.Scan([]byte("A b:c SIP/2.0\r\nTo: "+string(b)+"\r\n\r\n"), nil) != nil || len(m.Headers) != 1 ||
			!bytes.Equal(m.Headers[0].Value.In(m.Raw), trimLWS(b)) {
			return // line ends, or a NUL
		}
		response := AppendResponse(nil, &m, 200, "OK", []byte("new"), nil)
		if err := m.Scan(response, nil); err != nil {
			t.Fatalf("%q: %v", response, err)
		}
		if !tagged {
			tag = []byte("new")
		}
		to, err := m.To()
		if err != nil || !bytes.Equal(to.Tag(), tag) || !bytes.Equal(to.URI, n.URI) {
			t.Fatalf("%q became %q: %+v %v", b, response, to, err)
		}
	})
}
