package wire

import "bytes"

// Scan indexes the message in raw, a datagram, and keeps raw. The body is what Content-Length says; bytes after it are
// no part of the message, too few of them are an error; without Content-Length it is the rest (RFC 3261 18.3). lim may be
// nil. It checks form only: see Validate for what a request must hold.
//
// The error is an *Error. If its Status is not 0, m is the index of a request as far as it could be read, and
// AppendResponse may be called with it; nothing else should be.
func (m *Message) Scan(raw []byte, lim *Limits) error {
	limits := lim.effective()
	m.reset()
	start := skipLineEnds(raw)
	if start == len(raw) {
		return m.fail(errEmpty, 0)
	}
	m.Raw = raw[start:len(raw):len(raw)]
	s := scanner{m: m, raw: m.Raw, limits: limits}
	if !s.startLine() {
		return m.fail(s.fault, start+s.faultAt)
	}
	s.headers()
	s.checkControls()
	if s.fault == nil {
		s.frame()
	}
	if s.fault != nil {
		return m.fail(s.fault, start+s.faultAt)
	}
	return nil
}

func (m *Message) reset() {
	*m = Message{Headers: m.Headers[:0]}
}

// skipLineEnds returns the index of the start line: line ends before it are ignored (RFC 3261 7.5).
func skipLineEnds(raw []byte) int {
	i := 0
	for i < len(raw) && (raw[i] == '\r' || raw[i] == '\n') {
		i++
	}
	return i
}

// scanner is the state of one Scan. The first fault is the one that counts.
type scanner struct {
	m       *Message
	raw     []byte
	limits  Limits
	pos     int // next byte to read
	lines   int // so far
	crlf    int // those of them that ended with CR LF
	fault   *Error
	faultAt int
}

func (s *scanner) failAt(e *Error, at int) {
	if s.fault == nil {
		s.fault, s.faultAt = e, at
	}
}

// line reads one line from pos, moves behind it, and returns where its content ends. ok is false at the end of the
// input.
func (s *scanner) line() (end int, ok bool) {
	n := bytes.IndexByte(s.raw[s.pos:], '\n')
	if n < 0 {
		return 0, false
	}
	end = s.pos + n
	s.pos = end + 1
	s.lines++
	if n > 0 && s.raw[end-1] == '\r' {
		end--
		s.crlf++
	}
	return end, true
}

// headers indexes header lines up to the blank line. A malformed one is left out, noted, and the scan goes on.
func (s *scanner) headers() {
	m := s.m
	m.headersAt = uint32(s.pos)
	for {
		start := s.pos
		end, ok := s.line()
		if !ok {
			s.noBlankLine(start)
			return
		}
		if end == start {
			m.blankAt = uint32(start)
			m.Body = span(s.pos, len(s.raw))
			return
		}
		for s.pos < len(s.raw) && (s.raw[s.pos] == ' ' || s.raw[s.pos] == '\t') {
			if end, ok = s.line(); !ok {
				s.noBlankLine(start)
				return
			}
		}
		if s.pos-start > s.limits.MaxHeaderLen {
			s.failAt(errHeaderTooLong, start)
			continue
		}
		if len(m.Headers) == s.limits.MaxHeaders {
			s.failAt(errTooManyHeaders, start)
			s.noBlankLine(start)
			return
		}
		s.header(start, end)
	}
}

// noBlankLine ends the index before the bytes at start, which are no whole header line.
func (s *scanner) noBlankLine(start int) {
	s.failAt(errNoBlankLine, start)
	s.m.blankAt = uint32(start)
	s.m.Body = span(start, start)
}

// header indexes the header line raw[start:end], which has been read up to pos.
func (s *scanner) header(start, end int) {
	line := s.raw[start:end]
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		s.failAt(errHeaderLine, start)
		return
	}
	n := colon
	for n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
		n--
	}
	id := LookupHeader(line[:n])
	if id == HeaderOther && !all(line[:n], classToken) {
		s.failAt(errHeaderLine, start)
		return
	}
	v := skipLWS(line, colon+1)
	e := len(line)
	for e > v && is(line[e-1], classLWS) {
		e--
	}
	m := s.m
	m.Headers = append(m.Headers, Header{
		ID:    id,
		Line:  span(start, s.pos),
		Name:  span(start, start+n),
		Value: span(start+v, start+e),
	})
	index := uint16(len(m.Headers))
	if m.first[id] == 0 {
		m.first[id] = index
	} else {
		m.repeated |= 1 << id
	}
	if id == HeaderVia {
		m.lastVia = index
	}
}

// frame finds the end of the body (RFC 3261 18.3, 20.14).
func (s *scanner) frame() {
	m := s.m
	i := m.Index(HeaderContentLength)
	if i >= 0 {
		at := int(m.Headers[i].Line.Start)
		n, ok := parseUint(m.Headers[i].Value.In(m.Raw), maxIndexableMessage)
		switch {
		case m.repeated.has(HeaderContentLength):
			s.failAt(errDupContentLength, at)
			return
		case !ok:
			s.failAt(errContentLength, at)
			return
		case n > uint64(m.Body.Len()):
			s.failAt(errBodyTooShort, at)
			return
		}
		m.Body.End = m.Body.Start + uint32(n)
		m.Raw = m.Raw[:m.Body.End:m.Body.End]
	}
	if len(m.Raw) > s.limits.MaxMessage {
		s.failAt(errMessageTooLarge, 0)
	}
}
