package wire

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzEdit: a message that was accepted is accepted after any edits, and holds what was asked for and what it held before.
func FuzzEdit(f *testing.F) {
	for _, ops := range []string{"", "\x00\x01\x02", "\x02\x02\x02\x03", "\x05\x04\x01\x00", "\x07\x00", "\x00\x0f\x03\x07", "\x03\x02\x01\x00\x05\x04\x06"} {
		addMessages(f, func(b []byte) { f.Add(b, []byte(ops)) })
	}
	f.Fuzz(func(t *testing.T, raw, ops []byte) {
		var m, after Message
		if m.Scan(raw, nil) != nil {
			return
		}
		var e Edit
		e.Reset(&m)
		w := expect(&m)
		for _, op := range ops[:min(len(ops), 12)] {
			w.apply(&e, &m, op)
		}
		result := e.Append(nil)
		if err := after.Scan(result, &Limits{MaxMessage: 1 << 20, MaxHeaders: 1000, MaxHeaderLen: 1 << 20}); err != nil {
			t.Fatalf("%q after %v is %q: %v", m.Raw, ops, result, err)
		}
		w.check(t, &m, &after)
	})
}

// expected is what the edited headers hold, value by value.
type expected struct {
	via, route, recordRoute []string
	hops, uri, own          string
	patched                 bool // the topmost Via of the message has other parameters
}

func expect(m *Message) *expected {
	w := &expected{via: values(m, HeaderVia), route: values(m, HeaderRoute), recordRoute: values(m, HeaderRecordRoute), uri: string(m.RequestURI())}
	if v, ok := m.Get(HeaderMaxForwards); ok {
		w.hops = string(v)
	}
	return w
}

func (w *expected) apply(e *Edit, m *Message, op byte) {
	switch op % 8 {
	case 0:
		e.PrependHeader("Via", []byte("SIP/2.0/UDP new"))
		w.via = append([]string{"SIP/2.0/UDP new"}, w.via...)
	case 1:
		e.PrependHeader("Record-Route", []byte("<sip:new>"))
		w.recordRoute = append([]string{"<sip:new>"}, w.recordRoute...)
	case 2:
		e.RemoveTop(HeaderRoute)
		w.route = w.route[min(1, len(w.route)):]
	case 3:
		e.RemoveTopVia()
		if i := slices.IndexFunc(w.via, func(v string) bool { return v != "SIP/2.0/UDP new" }); i >= 0 {
			w.via = slices.Delete(slices.Clone(w.via), i, i+1)
		}
	case 4:
		e.SetMaxForwards(7)
		w.hops = "7"
	case 5:
		e.AppendHeader("X-Own-Header", []byte("x"))
		w.own = "x"
	case 6:
		if m.IsRequest() {
			e.SetRequestURI([]byte("sip:new"))
			w.uri = "sip:new"
		}
	case 7:
		e.PatchTopVia([]byte("192.0.2.1"), uint16(op), op&8 != 0)
		w.patched = true
	}
}

func (w *expected) check(t *testing.T, before, after *Message) {
	t.Helper()
	for _, c := range []struct {
		id   HeaderID
		want []string
	}{{HeaderVia, w.via}, {HeaderRoute, w.route}, {HeaderRecordRoute, w.recordRoute}} {
		got := values(after, c.id)
		if c.id == HeaderVia && w.patched && len(got) == len(c.want) {
			continue
		}
		if !slices.Equal(got, c.want) {
			t.Fatalf("%v: got %q, want %q", c.id, got, c.want)
		}
	}
	if v, _ := after.Get(HeaderMaxForwards); string(v) != w.hops {
		t.Fatalf("Max-Forwards %q, want %q", v, w.hops)
	}
	if got := string(after.RequestURI()); got != w.uri {
		t.Fatalf("Request-URI %q, want %q", got, w.uri)
	}
	if v, ok := after.byName("X-Own-Header"); w.own != "" && (!ok || len(v) == 0) {
		t.Fatal("the appended header is not there")
	}
	if !bytes.Equal(after.BodyBytes(), before.BodyBytes()) {
		t.Fatalf("body %q became %q", before.BodyBytes(), after.BodyBytes())
	}
	if got, want := untouched(after), untouched(before); !slices.Equal(got, want) {
		t.Fatalf("other headers %q became %q", want, got)
	}
}

// untouched returns the lines of the headers that FuzzEdit does not edit.
func untouched(m *Message) []string {
	var lines []string
	for _, h := range m.Headers {
		switch h.ID {
		case HeaderVia, HeaderRoute, HeaderRecordRoute, HeaderMaxForwards:
			continue
		}
		if line := h.Line.In(m.Raw); string(line) != "X-Own-Header: x\r\n" {
			lines = append(lines, string(line))
		}
	}
	return lines
}
