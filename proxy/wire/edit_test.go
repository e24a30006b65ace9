package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edited scans a message of the given header lines, edits it, and returns the header lines of the result.
func edited(t *testing.T, headers string, edit func(*Edit)) string {
	t.Helper()
	const start, body = "OPTIONS sip:a SIP/2.0\r\n", "\r\nbody"
	m := mustScan(t, start+lines(headers)+body)
	var e Edit
	e.Reset(m)
	edit(&e)
	got := string(e.Append([]byte("x")))
	if !strings.HasPrefix(got, "x"+start) || !strings.HasSuffix(got, body) {
		t.Fatalf("the start line or body changed: %q", got)
	}
	return got[len("x"+start) : len(got)-len(body)]
}

// lines gives every header, after which "|" stands, its line end.
func lines(headers string) string { return strings.ReplaceAll(headers, "|", "\r\n") }

func value(s string) []byte { return []byte(s) }

func TestEdit(t *testing.T) {
	for name, c := range map[string]struct {
		headers string
		edit    func(*Edit)
		want    string
	}{
		"nothing": {"Via: a|To: b|", func(*Edit) {}, "Via: a|To: b|"},

		"prepend: before the first of its name":     {"To: b|v: a|Via: c|", func(e *Edit) { e.PrependHeader("Via", value("x")) }, "To: b|Via: x|v: a|Via: c|"},
		"prepend: before the first header of all":   {"Route: <a>|Via: b|", func(e *Edit) { e.PrependHeader("Route", value("<x>")) }, "Route: <x>|Route: <a>|Via: b|"},
		"prepend: the second call is on top":        {"Via: a|", func(e *Edit) { e.PrependHeader("Via", value("x")); e.PrependHeader("Via", value("y")) }, "Via: y|Via: x|Via: a|"},
		"prepend: absent, after the last Via":       {"To: b|Via: a|Via: c|CSeq: d|", func(e *Edit) { e.PrependHeader("Record-Route", value("x")) }, "To: b|Via: a|Via: c|Record-Route: x|CSeq: d|"},
		"prepend: absent, no Via":                   {"To: b|", func(e *Edit) { e.PrependHeader("Record-Route", value("x")) }, "Record-Route: x|To: b|"},
		"prepend: absent Via goes first":            {"To: b|", func(e *Edit) { e.PrependHeader("Route", value("y")); e.PrependHeader("Via", value("x")) }, "Via: x|Route: y|To: b|"},
		"prepend: absent Via goes first, any order": {"To: b|", func(e *Edit) { e.PrependHeader("Via", value("x")); e.PrependHeader("Route", value("y")) }, "Via: x|Route: y|To: b|"},
		"prepend: no headers":                       {"", func(e *Edit) { e.PrependHeader("Route", value("x")) }, "Route: x|"},
		"prepend: unknown name, there":              {"Via: a|X-A: 1|", func(e *Edit) { e.PrependHeader("x-a", value("2")) }, "Via: a|x-a: 2|X-A: 1|"},
		"prepend: unknown name, absent":             {"Via: a|X-A: 1|", func(e *Edit) { e.PrependHeader("X-B", value("2")) }, "Via: a|X-B: 2|X-A: 1|"},
		"prepend: before what is removed":           {"Via: a|To: b|", func(e *Edit) { e.RemoveTopVia(); e.PrependHeader("Via", value("x")) }, "Via: x|To: b|"},
		"prepend: what is removed after":            {"Via: a|To: b|", func(e *Edit) { e.PrependHeader("Via", value("x")); e.RemoveTopVia() }, "Via: x|To: b|"},
		"prepend: between what is removed":          {"Via: a|Route: b|", func(e *Edit) { e.RemoveAll(HeaderVia); e.PrependHeader("Route", value("x")); e.RemoveAll(HeaderRoute) }, "Route: x|"},
		"prepend: value with line ends":             {"Via: a|", func(e *Edit) { e.PrependHeader("Subject", value("x\r\nTo: y")) }, "Via: a|Subject: x  To: y|"},

		"append: at the end, in order": {"Via: a|", func(e *Edit) { e.AppendHeader("X", value("1")); e.AppendHeader("Y", value("2")) }, "Via: a|X: 1|Y: 2|"},
		"append: after prepended":      {"Via: a|", func(e *Edit) { e.AppendHeader("X", value("1")); e.PrependHeader("Y", value("2")) }, "Via: a|Y: 2|X: 1|"},
		"append: after all is removed": {"Via: a|", func(e *Edit) { e.AppendHeader("X", value("1")); e.RemoveAll(HeaderVia) }, "X: 1|"},

		"remove top: line":                     {"Via: a|v: b|", (*Edit).RemoveTopVia, "v: b|"},
		"remove top: folded line":              {"Via:|\t a|v: b|", (*Edit).RemoveTopVia, "v: b|"},
		"remove top: element":                  {"Route: <a> , <b>,<c>|", topRoute, "Route: <b>,<c>|"},
		"remove top: element before a fold":    {"Route: <a>,| <b>|", topRoute, "Route: <b>|"},
		"remove top: element with commas":      {"Route: \"x,\" <a,b>, <c>|", topRoute, "Route: <c>|"},
		"remove top: after empty elements":     {"Route: ,,<a>,<b>|", topRoute, "Route: ,,<b>|"},
		"remove top: before empty elements":    {"Route: <a>,,|To: x|", topRoute, "To: x|"},
		"remove top: empty lines do not count": {"Route:|Route: <a>|To: x|", topRoute, "Route:|To: x|"},
		"remove top: twice in a line":          {"Route: <a>, <b>, <c>|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.RemoveTop(HeaderRoute) }, "Route: <c>|"},
		"remove top: the whole list":           {"Route: <a>, <b>|To: x|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.RemoveTop(HeaderRoute) }, "To: x|"},
		"remove top: over lines":               {"Route: <a>, <b>|To: x|Route: <c>, <d>|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.RemoveTop(HeaderRoute); e.RemoveTop(HeaderRoute) }, "To: x|Route: <d>|"},
		"remove top: more than there is":       {"Route: <a>|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.RemoveTop(HeaderRoute) }, ""},
		"remove top: absent":                   {"To: x|", topRoute, "To: x|"},
		"remove top: no list":                  {"Subject: a, b|s: c|", func(e *Edit) { e.RemoveTop(HeaderSubject) }, "s: c|"},
		"remove top: unknown":                  {"X-A: a|", func(e *Edit) { e.RemoveTop(HeaderOther) }, "X-A: a|"},

		"remove all":                       {"Via: a|Route: b|Via: c|", func(e *Edit) { e.RemoveAll(HeaderVia) }, "Route: b|"},
		"remove first: over lines":         {"Route: <a>, <b>|To: x|Route: <c>, <d>, <e>|", func(e *Edit) { e.RemoveFirst(HeaderRoute, 4) }, "To: x|Route: <e>|"},
		"remove first: whole lines":        {"Route: <a>, <b>|Route: <c>|Route: <d>|", func(e *Edit) { e.RemoveFirst(HeaderRoute, 3) }, "Route: <d>|"},
		"remove first: after an element":   {"Route: <a>, <b>, <c>, <d>|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.RemoveFirst(HeaderRoute, 2) }, "Route: <d>|"},
		"remove first: more than there is": {"Route: <a>, <b>|Route: <c>|", func(e *Edit) { e.RemoveFirst(HeaderRoute, 9) }, ""},
		"remove first: none":               {"Route: <a>, <b>|", func(e *Edit) { e.RemoveFirst(HeaderRoute, 0) }, "Route: <a>, <b>|"},

		"remove all: after one element": {"Route: <a>, <b>|To: x|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.RemoveAll(HeaderRoute) }, "To: x|"},
		"remove all: then an element":   {"Route: <a>, <b>|To: x|", func(e *Edit) { e.RemoveAll(HeaderRoute); e.RemoveTop(HeaderRoute) }, "To: x|"},
		"remove all: unknown":           {"X-A: a|", func(e *Edit) { e.RemoveAll(HeaderOther) }, "X-A: a|"},

		"replace":                           {"To:  a  |CSeq: 1 A|", func(e *Edit) { e.ReplaceValue(0, value("b")) }, "To:  b  |CSeq: 1 A|"},
		"replace: folded value":             {"To: a|\tb|CSeq: 1 A|", func(e *Edit) { e.ReplaceValue(0, value("c")) }, "To: c|CSeq: 1 A|"},
		"replace: empty value":              {"Subject:|To: a|", func(e *Edit) { e.ReplaceValue(0, value("b")) }, "Subject: b|To: a|"},
		"replace: empty value, space":       {"Subject: |To: a|", func(e *Edit) { e.ReplaceValue(0, value("b")) }, "Subject: b|To: a|"},
		"replace: by nothing":               {"To: a|", func(e *Edit) { e.ReplaceValue(0, nil) }, "To: |"},
		"replace: the last one counts":      {"To: a|", func(e *Edit) { e.ReplaceValue(0, value("b")); e.ReplaceValue(0, value("c")) }, "To: c|"},
		"replace: empty, the last counts":   {"To:|", func(e *Edit) { e.ReplaceValue(0, value("b")); e.ReplaceValue(0, value("c")) }, "To: c|"},
		"replace: what lost an element":     {"Route: <a>, <b>|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.ReplaceValue(0, value("<c>")) }, "Route: <c>|"},
		"replace: has no elements":          {"Route: <a>, <b>|Route: <d>|", func(e *Edit) { e.ReplaceValue(0, value("<c>")); e.RemoveTop(HeaderRoute) }, "Route: <c>|"},
		"replace: what is removed":          {"Route: <a>|", func(e *Edit) { e.RemoveTop(HeaderRoute); e.ReplaceValue(0, value("<c>")) }, ""},
		"replace: then removed":             {"Route: <a>|", func(e *Edit) { e.ReplaceValue(0, value("<c>")); e.RemoveAll(HeaderRoute) }, ""},
		"replace: no such header":           {"To: a|", func(e *Edit) { e.ReplaceValue(1, value("b")); e.ReplaceValue(-1, value("b")) }, "To: a|"},
		"replace: value with line ends":     {"To: a|", func(e *Edit) { e.ReplaceValue(0, value("b\n\nc")) }, "To: b  c|"},
		"replace: what Via parameters were": {"Via: SIP/2.0/UDP a|", func(e *Edit) { e.PatchTopVia(value("1"), 2, true); e.ReplaceValue(0, value("b")) }, "Via: b|"},

		"Max-Forwards: there":          {"Via: a|max-forwards : 70|To: b|", func(e *Edit) { e.SetMaxForwards(69) }, "Via: a|max-forwards : 69|To: b|"},
		"Max-Forwards: absent":         {"Via: a|To: b|", func(e *Edit) { e.SetMaxForwards(70) }, "Via: a|Max-Forwards: 70|To: b|"},
		"Max-Forwards: absent, twice":  {"Via: a|To: b|", func(e *Edit) { e.SetMaxForwards(70); e.SetMaxForwards(9) }, "Via: a|Max-Forwards: 9|To: b|"},
		"Max-Forwards: twice":          {"Max-Forwards: 70|", func(e *Edit) { e.SetMaxForwards(69); e.SetMaxForwards(68) }, "Max-Forwards: 68|"},
		"Max-Forwards: with prepended": {"Via: a|", func(e *Edit) { e.SetMaxForwards(70); e.PrependHeader("Route", value("x")) }, "Via: a|Route: x|Max-Forwards: 70|"},

		"a proxy's forwarding": {"Via: a|Route: <me>|Route: <next>|Max-Forwards: 70|", func(e *Edit) {
			e.RemoveTop(HeaderRoute)
			e.PrependHeader("Via", value("me"))
			e.PrependHeader("Record-Route", value("<me>"))
			e.SetMaxForwards(69)
		}, "Via: me|Via: a|Record-Route: <me>|Route: <next>|Max-Forwards: 69|"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(lines(c.want), edited(t, c.headers, c.edit)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// RFC 3261 18.2.1 and RFC 3581 4.
func TestPatchTopVia(t *testing.T) {
	patch := func(received string, rport uint16, set bool) func(*Edit) {
		return func(e *Edit) { e.PatchTopVia(value(received), rport, set) }
	}
	for name, c := range map[string]struct {
		headers string
		edit    func(*Edit)
		want    string
	}{
		"received":                   {"Via: SIP/2.0/UDP h;branch=z|", patch("192.0.2.1", 0, false), "Via: SIP/2.0/UDP h;branch=z;received=192.0.2.1|"},
		"received without params":    {"Via: SIP/2.0/UDP h|", patch("192.0.2.1", 0, false), "Via: SIP/2.0/UDP h;received=192.0.2.1|"},
		"received there":             {"Via: SIP/2.0/UDP h; received = 9.9.9.9 ;branch=z|", patch("192.0.2.1", 0, false), "Via: SIP/2.0/UDP h; received=192.0.2.1 ;branch=z|"},
		"rport asked for":            {"Via: SIP/2.0/UDP h;rport;branch=z|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h;rport=4000;branch=z;received=192.0.2.1|"},
		"rport asked for, not set":   {"Via: SIP/2.0/UDP h;rport;branch=z|", patch("192.0.2.1", 4000, false), "Via: SIP/2.0/UDP h;rport;branch=z;received=192.0.2.1|"},
		"rport with value":           {"Via: SIP/2.0/UDP h;branch=z;RPort=1|", patch("", 4000, true), "Via: SIP/2.0/UDP h;branch=z;rport=4000|"},
		"rport not asked for":        {"Via: SIP/2.0/UDP h|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h;rport=4000;received=192.0.2.1|"},
		"both there":                 {"Via: SIP/2.0/UDP h;received=1.1.1.1;x;rport;y|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h;received=192.0.2.1;x;rport=4000;y|"},
		"rport without value":        {"Via: SIP/2.0/UDP h;rport= ;|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h;rport=4000;received=192.0.2.1 ;|"},
		"rport, spaces around":       {"Via: SIP/2.0/UDP h; rport = 1 ; x|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h; rport=4000 ; x;received=192.0.2.1|"},
		"nothing to write":           {"Via: SIP/2.0/UDP h;rport|", patch("", 1, false), "Via: SIP/2.0/UDP h;rport|"},
		"only the topmost":           {"Via: SIP/2.0/UDP h;x=\"a, b\" , SIP/2.0/UDP i;rport|Via: SIP/2.0/UDP j|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h;x=\"a, b\";rport=4000;received=192.0.2.1 , SIP/2.0/UDP i;rport|Via: SIP/2.0/UDP j|"},
		"folded":                     {"Via: SIP/2.0/UDP h|\t;rport|To: x|", patch("192.0.2.1", 4000, true), "Via: SIP/2.0/UDP h|\t;rport=4000;received=192.0.2.1|To: x|"},
		"twice":                      {"Via: SIP/2.0/UDP h;rport|", func(e *Edit) { e.PatchTopVia(value("1.1.1.1"), 1, true); e.PatchTopVia(value("2.2.2.2"), 2, true) }, "Via: SIP/2.0/UDP h;rport=2;received=2.2.2.2|"},
		"then another on top":        {"Via: SIP/2.0/UDP h|", func(e *Edit) { e.PatchTopVia(value("1.1.1.1"), 1, false); e.PrependHeader("Via", value("me")) }, "Via: me|Via: SIP/2.0/UDP h;received=1.1.1.1|"},
		"after another on top":       {"Via: SIP/2.0/UDP h|", func(e *Edit) { e.PrependHeader("Via", value("me")); e.PatchTopVia(value("1.1.1.1"), 1, false) }, "Via: me|Via: SIP/2.0/UDP h;received=1.1.1.1|"},
		"then removed":               {"Via: SIP/2.0/UDP h, SIP/2.0/UDP i|", func(e *Edit) { e.PatchTopVia(value("1.1.1.1"), 1, true); e.RemoveTopVia() }, "Via: SIP/2.0/UDP i|"},
		"line then removed":          {"Via: SIP/2.0/UDP h|To: x|", func(e *Edit) { e.PatchTopVia(value("1.1.1.1"), 1, true); e.RemoveTopVia() }, "To: x|"},
		"after it was removed":       {"Via: SIP/2.0/UDP h, SIP/2.0/UDP i|", func(e *Edit) { e.RemoveTopVia(); e.PatchTopVia(value("1.1.1.1"), 1, true) }, "Via: SIP/2.0/UDP i|"},
		"malformed":                  {"Via: h|", patch("192.0.2.1", 4000, true), "Via: h|"},
		"none":                       {"To: x|", patch("192.0.2.1", 4000, true), "To: x|"},
		"semicolon at the end":       {"Via: SIP/2.0/UDP h;|", patch("192.0.2.1", 0, false), "Via: SIP/2.0/UDP h;received=192.0.2.1;|"},
		"address of another version": {"Via: SIP/2.0/UDP h|", patch("2001:db8::1", 0, false), "Via: SIP/2.0/UDP h;received=2001:db8::1|"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(lines(c.want), edited(t, c.headers, c.edit)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetRequestURI(t *testing.T) {
	m := mustScan(t, request())
	var e Edit
	e.Reset(m)
	e.SetRequestURI(value("sip:first@example.com"))
	e.SetRequestURI(value("sip:bob@192.0.2.9:5060"))
	want := strings.Replace(request(), "sip:bob@example.com", "sip:bob@192.0.2.9:5060", 1)
	if diff := cmp.Diff(want, string(e.Append(nil))); diff != "" {
		t.Error(diff)
	}
	const response = "SIP/2.0 200 OK\r\n\r\n"
	e.Reset(mustScan(t, response))
	e.SetRequestURI(value("sip:a"))
	if diff := cmp.Diff(response, string(e.Append(nil))); diff != "" {
		t.Error(diff)
	}
}

func TestEditReset(t *testing.T) {
	m := mustScan(t, request())
	var e Edit
	e.Reset(m)
	e.AppendHeader("X", value("1"))
	e.RemoveTopVia()
	e.Reset(m)
	if diff := cmp.Diff(request(), string(e.Append(nil))); diff != "" {
		t.Error(diff)
	}
}

// What is put into a message of bare LF lines has CR LF; the rest stays as it is.
func TestEditBareLF(t *testing.T) {
	m := mustScan(t, "OPTIONS sip:a SIP/2.0\nVia: a\nTo: b\n\n")
	var e Edit
	e.Reset(m)
	e.PrependHeader("Via", value("x"))
	e.RemoveTop(HeaderTo)
	if diff := cmp.Diff("OPTIONS sip:a SIP/2.0\nVia: x\r\nVia: a\n\n", string(e.Append(nil))); diff != "" {
		t.Error(diff)
	}
}

// A hostile list must not cost more than one look at it: one change a line, however many values go.
func TestRemoveFirstMakesOneChangeALine(t *testing.T) {
	const perLine = 1000
	list := "Route: " + strings.Repeat("<sip:a>,", perLine) + "<sip:b>|"
	m := mustScan(t, "OPTIONS sip:a SIP/2.0\r\n"+lines(list+list)+"\r\n")
	var e Edit
	e.Reset(m)
	e.RemoveFirst(HeaderRoute, 2*perLine+1)
	if len(e.splices) != 2 {
		t.Errorf("%d changes, want 2", len(e.splices))
	}
	if diff := cmp.Diff("OPTIONS sip:a SIP/2.0\r\nRoute: <sip:b>\r\n\r\n", string(e.Append(nil))); diff != "" {
		t.Error(diff)
	}
}

func topRoute(e *Edit) { e.RemoveTop(HeaderRoute) }
