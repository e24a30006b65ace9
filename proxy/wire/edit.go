package wire

import "strconv"

// Edit is a list of changes to a message, which Append applies in one pass: bytes that no change names stay as they are.
// The zero value is ready for Reset, and reuse does not allocate.
//
// Operations speak about the message as it was scanned, and about its elements from the top: RemoveTop twice removes the
// first two. What one operation removed others no longer find. Operations on what is not there change nothing. Values may
// hold no line ends: a CR or LF in one becomes a space.
type Edit struct {
	m       *Message
	splices []splice // in the order of the result; they do not overlap
	text    []byte   // what splices put in
}

// splice replaces the bytes at with text; one of the two may be empty.
type splice struct {
	at   Span
	text Span // in Edit.text
	rank rank
}

// rank orders splices at the same place.
type rank uint8

const (
	rankVia     rank = iota // header lines before a header, Via first
	rankPrepend             //
	rankMaxForwards
	rankAppend  // header lines before the blank line
	rankReplace // bytes replaced or removed
	rankRPort   // Via parameters put in
	rankReceived
	rankKeep
)

// Reset forgets all changes and takes m as the message to change. m must stay as it is until after Append.
func (e *Edit) Reset(m *Message) {
	e.m = m
	e.splices = e.splices[:0]
	e.text = e.text[:0]
}

// PrependHeader puts a header line before the first of its name, so that of two calls the second is on top. Without one it
// goes after the Via headers; a Via goes first.
func (e *Edit) PrependHeader(name string, value []byte) {
	id := LookupHeader(name)
	at, r := e.place(id, name), rankPrepend
	if id == HeaderVia {
		r = rankVia
	}
	i := 0
	for i < len(e.splices) && (e.splices[i].at.Start < at || e.splices[i].at.Start == at && e.splices[i].rank < r) {
		i++
	}
	e.insertAt(i, splice{at: Span{at, at}, text: e.headerLine(name, value), rank: r})
}

// place returns where PrependHeader puts a line.
func (e *Edit) place(id HeaderID, name string) uint32 {
	m := e.m
	i := m.Index(id)
	if id == HeaderOther {
		i = m.indexOther(name)
	}
	switch {
	case i >= 0:
		return m.Headers[i].Line.Start
	case id == HeaderVia || m.lastVia == 0:
		return m.headersAt
	}
	return m.Headers[m.lastVia-1].Line.End
}

// AppendHeader puts a header line after all others, in the order of the calls.
func (e *Edit) AppendHeader(name string, value []byte) {
	e.insert(splice{at: Span{e.m.blankAt, e.m.blankAt}, text: e.headerLine(name, value), rank: rankAppend})
}

// ReplaceValue gives header h, an index into Message.Headers, another value. It takes the place of changes to the old one,
// and RemoveFirst finds no elements there any more.
func (e *Edit) ReplaceValue(h int, value []byte) {
	if h < 0 || h >= len(e.m.Headers) {
		return
	}
	at := e.m.Headers[h].Value
	if at.Len() == 0 && e.m.Raw[at.Start-1] == ':' {
		e.replace(at, e.put(" ", value))
		return
	}
	e.replace(at, e.put("", value))
}

// SetRequestURI replaces the Request-URI. The caller vouches that uri is one.
func (e *Edit) SetRequestURI(uri []byte) {
	if e.m.request {
		e.replace(e.m.uriAt, e.put("", uri))
	}
}

// SetMaxForwards replaces the value of Max-Forwards, or adds the header (RFC 3261 16.6 step 3).
func (e *Edit) SetMaxForwards(n int) {
	var buf [20]byte
	value := strconv.AppendInt(buf[:0], int64(n), 10)
	if i := e.m.Index(HeaderMaxForwards); i >= 0 {
		e.ReplaceValue(i, value)
		return
	}
	at := e.place(HeaderMaxForwards, "")
	e.insertOnly(splice{at: Span{at, at}, text: e.headerLine("Max-Forwards", value), rank: rankMaxForwards})
}

// Append appends the changed message to dst.
func (e *Edit) Append(dst []byte) []byte {
	raw := e.m.Raw
	pos := uint32(0)
	for i := range e.splices {
		s := &e.splices[i]
		dst = append(dst, raw[pos:s.at.Start]...)
		dst = append(dst, s.text.In(e.text)...)
		pos = s.at.End
	}
	return append(dst, raw[pos:]...)
}

// headerLine puts a header line into text.
func (e *Edit) headerLine(name string, value []byte) Span {
	start := len(e.text)
	e.text = append(e.text, name...)
	e.text = append(e.text, ':', ' ')
	e.text = appendOneLine(e.text, value)
	e.text = append(e.text, '\r', '\n')
	return span(start, len(e.text))
}

func (e *Edit) put(prefix string, value []byte) Span {
	start := len(e.text)
	e.text = append(e.text, prefix...)
	e.text = appendOneLine(e.text, value)
	return span(start, len(e.text))
}

// appendOneLine appends value with spaces for line ends, so that no value can begin a header or the body.
func appendOneLine(dst, value []byte) []byte {
	start := len(dst)
	dst = append(dst, value...)
	for i := start; i < len(dst); i++ {
		if dst[i] == '\r' || dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return dst
}
