package wire

import (
	"bytes"
	"iter"
)

// Values iterates over the values of all headers of this ID in order. Lines of headers that are comma-separated lists
// (RFC 3261 7.3.1) are split: commas in quoted strings and angle brackets do not count, empty elements are left out.
// Values of other headers, HeaderOther among them, come whole, also when empty.
func (m *Message) Values(id HeaderID) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		e := m.elements(id)
		for e.next() {
			if !yield(e.at.In(m.Raw)) {
				return
			}
		}
	}
}

// elements walks over the values of a header and knows where they are.
type elements struct {
	m      *Message
	id     HeaderID
	header int    // index of the header line that holds the current element
	resume uint32 // where to look for the next element in that line; 0: in the next line
	at     Span   // the current element, without white space
}

func (m *Message) elements(id HeaderID) elements {
	return elements{m: m, id: id, header: m.Index(id) - 1}
}

// next moves to the next element and reports whether there is one.
func (e *elements) next() bool {
	for {
		if e.resume != 0 && e.inLine() {
			return true
		}
		if !e.nextLine() {
			return false
		}
		if v := e.m.Headers[e.header].Value; listHeaders.has(e.id) {
			e.resume = v.Start
		} else {
			e.at = v
			return true
		}
	}
}

func (e *elements) nextLine() bool {
	first := e.m.Index(e.id)
	if first < 0 || e.header >= first && !e.m.repeated.has(e.id) {
		return false
	}
	for e.header++; e.header < len(e.m.Headers); e.header++ {
		if e.m.Headers[e.header].ID == e.id {
			return true
		}
	}
	e.header-- // stay at the end
	return false
}

// inLine moves to the next element of the current line.
func (e *elements) inLine() bool {
	end := e.m.Headers[e.header].Value.End
	for e.resume < end {
		start := int(e.resume)
		n := elementEnd(e.m.Raw[start:end])
		e.resume = uint32(start + n + 1)
		v := e.m.Raw[start : start+n]
		first := skipLWS(v, 0)
		last := len(trimLWS(v)) + first
		if first < last {
			e.at = span(start+first, start+last)
			return true
		}
	}
	e.resume = 0
	return false
}

// CutValue splits the first value off a comma-separated list, as a header of a list holds it (RFC 3261 7.3.1): what Values
// does for headers of a Message. White space is left out, and so are empty values; value is nil at the end.
func CutValue(list []byte) (value, rest []byte) {
	for len(list) > 0 {
		n := elementEnd(list)
		value, list = trimLWS(list[:n]), list[min(n+1, len(list)):]
		if len(value) > 0 {
			return value, list
		}
	}
	return nil, nil
}

// elementEnd returns the index of the comma that ends the first element of a list, or len(b).
func elementEnd(b []byte) int {
	i := bytes.IndexByte(b, ',')
	if i < 0 {
		return len(b)
	}
	if bytes.IndexByte(b[:i], '"') < 0 && bytes.IndexByte(b[:i], '<') < 0 {
		return i
	}
	for i = 0; i < len(b); i++ {
		switch b[i] {
		case ',':
			return i
		case '"':
			i = quotedEnd(b, i) - 1
		case '<':
			n := bytes.IndexByte(b[i:], '>')
			if n < 0 {
				return len(b)
			}
			i += n
		}
	}
	return len(b)
}

// quotedEnd returns the index after the quoted string that begins at b[i], or len(b) if it does not end.
func quotedEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// quotedClosed is quotedEnd that tells whether the string ends.
func quotedClosed(b []byte, i int) (end int, ok bool) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1, true
		}
	}
	return len(b), false
}
