package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// model is a message made of strings and edited in the most obvious way: what Edit must do, byte for byte.
type model struct {
	uri    string
	lines  []*modelLine
	prefix [][]string // header lines put in before lines[i], the last one before the blank line; on top comes first
	via    [][]string // Via lines put in before lines[i], which go before prefix
	maxFwd []string   // the Max-Forwards line put in before lines[i], which goes after prefix
	tail   []string   // header lines put in before the blank line
	body   string
}

type modelLine struct {
	id       HeaderID
	name     string // with colon and white space
	elements []string
	seps     []string // after each element but the last
	end      string   // white space and line end
	removed  bool
	replaced *string
	lost     int    // elements removed so far
	received string // written into the first element
	rport    string
}

func (l *modelLine) String() string {
	if l.removed {
		return ""
	}
	value := ""
	for i, e := range l.elements {
		if i > 0 {
			value += l.seps[len(l.seps)-len(l.elements)+i]
		}
		if i == 0 && l.lost == 0 {
			e = l.patched(e)
		}
		value += e
	}
	if l.replaced != nil {
		value = *l.replaced
	}
	return l.name + value + l.end
}

func (l *modelLine) patched(via string) string {
	if l.rport != "" && strings.Contains(via, ";rport") {
		via = strings.Replace(via, ";rport", ";rport="+l.rport, 1)
	} else if l.rport != "" {
		via += ";rport=" + l.rport
	}
	if l.received != "" {
		via += ";received=" + l.received
	}
	return via
}

func (m *model) String() string {
	var b strings.Builder
	b.WriteString("INVITE " + m.uri + " SIP/2.0\r\n")
	for i := range len(m.lines) + 1 {
		for _, group := range [][]string{m.via[i], m.prefix[i], m.maxFwd[i : i+1]} {
			b.WriteString(strings.Join(group, ""))
		}
		if i < len(m.lines) {
			b.WriteString(m.lines[i].String())
		}
	}
	return b.String() + strings.Join(m.tail, "") + "\r\n" + m.body
}

// slot is where a header line of this ID is put in: before the first of its kind, or after the last Via.
func (m *model) slot(id HeaderID) int {
	after := 0
	for i, l := range m.lines {
		if l.id == id && id != HeaderOther {
			return i
		}
		if l.id == HeaderVia {
			after = i + 1
		}
	}
	if id == HeaderVia {
		return 0
	}
	return after
}

func (m *model) prepend(name, value string) {
	id := LookupHeader(name)
	to := m.prefix
	if id == HeaderVia {
		to = m.via
	}
	i := m.slot(id)
	to[i] = append([]string{name + ": " + value + "\r\n"}, to[i]...)
}

func (m *model) removeTop(id HeaderID) {
	for _, l := range m.lines {
		if l.id == id && !l.removed && l.replaced == nil {
			l.elements = l.elements[1:]
			l.lost++
			l.removed = len(l.elements) == 0
			return
		}
	}
}

func (m *model) setMaxForwards(n string) {
	if i := slices.IndexFunc(m.lines, func(l *modelLine) bool { return l.id == HeaderMaxForwards }); i >= 0 {
		m.lines[i].replaced = &n
		return
	}
	m.maxFwd[m.slot(HeaderMaxForwards)] = "Max-Forwards: " + n + "\r\n"
}

func (m *model) patch(received, rport string) {
	i := slices.IndexFunc(m.lines, func(l *modelLine) bool { return l.id == HeaderVia })
	if i < 0 || m.lines[i].removed || m.lines[i].replaced != nil || m.lines[i].lost > 0 {
		return
	}
	if received != "" {
		m.lines[i].received = received
	}
	if rport != "" {
		m.lines[i].rport = rport
	}
}

func drawMessage(t *rapid.T) *model {
	m := &model{uri: "sip:bob@example.com", body: rapid.SampledFrom([]string{"", "body", "Via: no header\r\n\r\n"}).Draw(t, "body")}
	for i := range rapid.IntRange(0, 8).Draw(t, "headers") {
		m.lines = append(m.lines, drawLine(t, i))
	}
	n := len(m.lines) + 1
	m.prefix, m.via, m.maxFwd = make([][]string, n), make([][]string, n), make([]string, n)
	return m
}

func drawLine(t *rapid.T, nth int) *modelLine {
	space := rapid.SampledFrom([]string{" ", "", "  ", "\r\n ", "\t"})
	name := rapid.SampledFrom([]string{"Via", "v", "VIA", "Route", "Record-Route", "Max-Forwards", "Subject", "X-Own", "Contact"}).Draw(t, "name")
	l := &modelLine{
		id:   LookupHeader(name),
		name: name + ":" + space.Draw(t, "space"),
		end:  rapid.SampledFrom([]string{"\r\n", "\n", " \r\n"}).Draw(t, "end"),
	}
	elements := 1
	if listHeaders.has(l.id) {
		elements = rapid.IntRange(1, 3).Draw(t, "elements")
	}
	for i := range elements {
		if i > 0 {
			l.seps = append(l.seps, space.Draw(t, "before comma")+","+space.Draw(t, "after comma"))
		}
		l.elements = append(l.elements, drawElement(t, l.id, nth, i))
	}
	return l
}

func drawElement(t *rapid.T, id HeaderID, nth, i int) string {
	switch id {
	case HeaderVia:
		rport := rapid.SampledFrom([]string{"", ";rport"}).Draw(t, "rport")
		return fmt.Sprintf("SIP/2.0/UDP h%d%s;branch=z%d", nth, rport, i)
	case HeaderMaxForwards:
		return "70"
	}
	return rapid.SampledFrom([]string{"<sip:a;lr>", `"x, y" <sip:b,c@d>`, "sip:e@f", `<g:h>;i="j,k"`}).Draw(t, "element")
}

// Any sequence of operations gives what the model gives: the change that was asked for, and no other byte.
func TestEditIsTheModel(t *testing.T) {
	var e Edit
	rapid.Check(t, func(t *rapid.T) {
		want := drawMessage(t)
		var m Message
		if err := m.Scan([]byte(want.String()), nil); err != nil {
			t.Fatalf("%q: %v", want, err)
		}
		e.Reset(&m)
		for range rapid.IntRange(0, 8).Draw(t, "operations") {
			value := rapid.SampledFrom([]string{"new", "<sip:new;lr>", ""}).Draw(t, "value")
			if rapid.Bool().Draw(t, "add or remove") {
				addOrRemove(t, &e, want, value)
			} else {
				setOrPatch(t, &e, want, value)
			}
		}
		got := e.Append(nil)
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Fatal(diff)
		}
		if err := m.Scan(got, nil); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
	})
}

func addOrRemove(t *rapid.T, e *Edit, want *model, value string) {
	ids := rapid.SampledFrom([]HeaderID{HeaderVia, HeaderRoute, HeaderRecordRoute, HeaderSubject, HeaderContact})
	switch rapid.IntRange(0, 3).Draw(t, "operation") {
	case 0:
		name := rapid.SampledFrom([]string{"Via", "v", "Route", "Record-Route", "X-New"}).Draw(t, "prepend")
		e.PrependHeader(name, []byte(value))
		want.prepend(name, value)
	case 1:
		e.AppendHeader("X-End", []byte(value))
		want.tail = append(want.tail, "X-End: "+value+"\r\n")
	case 2:
		id, n := ids.Draw(t, "remove first"), rapid.IntRange(0, 5).Draw(t, "how many")
		e.RemoveFirst(id, n)
		for range n {
			want.removeTop(id)
		}
	case 3:
		id := ids.Draw(t, "remove all")
		e.RemoveAll(id)
		for _, l := range want.lines {
			l.removed = l.removed || l.id == id
		}
	}
}

func setOrPatch(t *rapid.T, e *Edit, want *model, value string) {
	switch rapid.IntRange(0, 3).Draw(t, "operation") {
	case 0:
		if h := rapid.IntRange(0, 9).Draw(t, "replace"); h < len(want.lines) {
			e.ReplaceValue(h, []byte(value))
			want.lines[h].replaced = &value
		}
	case 1:
		n := rapid.IntRange(0, 255).Draw(t, "hops")
		e.SetMaxForwards(n)
		want.setMaxForwards(fmt.Sprint(n))
	case 2:
		want.uri = "sip:" + rapid.StringMatching(`[a-z]{1,40}`).Draw(t, "uri")
		e.SetRequestURI([]byte(want.uri))
	case 3:
		received := rapid.SampledFrom([]string{"", "192.0.2.1", "2001:db8::1"}).Draw(t, "received")
		rport := rapid.SampledFrom([]string{"", "1", "65535"}).Draw(t, "rport")
		port, _ := strconv.ParseUint("0"+rport, 10, 16)
		e.PatchTopVia([]byte(received), uint16(port), rport != "")
		want.patch(received, rport)
	}
}
