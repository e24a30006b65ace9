package wire

import "bytes"

const version = "SIP/2.0"

// startLine reads the start line. It returns false if there is no use in reading on: what follows cannot be answered.
func (s *scanner) startLine() bool {
	if len(s.raw) > maxIndexableMessage {
		s.failAt(errMessageTooLarge, 0)
		return false
	}
	end, ok := s.line()
	if !ok {
		s.failAt(errNotSIP, 0)
		return false
	}
	line := s.raw[:end]
	if hasVersionPrefix(line) {
		if len(line) > s.limits.MaxStartLine {
			s.failAt(errMessageTooLarge, 0)
			return false
		}
		return s.statusLine(line)
	}
	return s.requestLine(line)
}

func hasVersionPrefix(b []byte) bool { return len(b) >= 4 && equalFold(b[:4], "sip/") }

// requestLine reads "Method SP Request-URI SP SIP-Version" (RFC 3261 7.1). What ends in something like a version came
// from a SIP element and is answered; anything else is not SIP.
func (s *scanner) requestLine(line []byte) bool {
	trimmed := trimLWS(line)
	last := bytes.LastIndexByte(trimmed, ' ')
	sp := bytes.IndexByte(trimmed, ' ')
	if last < 0 || !hasVersionPrefix(trimmed[last+1:]) || !all(trimmed[:sp], classToken) {
		s.failAt(errNotSIP, 0)
		return false
	}
	m := s.m
	m.request = true
	m.methodAt = span(0, sp)
	m.method = ParseMethod(line[:sp])
	m.uriAt = span(min(sp+1, last), last)
	m.reasonAt = span(last+1, len(trimmed))
	uri := m.uriAt.In(s.raw)
	switch {
	case len(line) > s.limits.MaxStartLine:
		s.failAt(errURITooLong, 0)
	case len(trimmed) != len(line) || len(uri) == 0:
		s.failAt(errRequestLine, 0)
	case !none(uri, classURIBad):
		s.failAt(errRequestURI, sp+1)
	default:
		s.version(trimmed[last+1:], last+1)
	}
	return true
}

// version accepts SIP/2.0 in any case and tells another version from something that is none (RFC 3261 7.1, 21.5.6).
func (s *scanner) version(v []byte, at int) {
	if string(v) == version || equalFold(v, "sip/2.0") {
		return
	}
	major, minor, ok := bytes.Cut(v[4:], []byte{'.'})
	if ok && all(major, classDigit) && all(minor, classDigit) {
		s.failAt(errVersion, at)
		return
	}
	s.failAt(errRequestLine, at)
}

// statusLine reads "SIP-Version SP Status-Code SP Reason-Phrase" (RFC 3261 7.2). A missing space before an empty phrase
// is tolerated.
func (s *scanner) statusLine(line []byte) bool {
	const codeAt, codeEnd = len(version) + 1, len(version) + 4
	if len(line) < codeEnd || !equalFold(line[:len(version)], "sip/2.0") || line[codeAt-1] != ' ' ||
		!all(line[codeAt:codeEnd], classDigit) || len(line) > codeEnd && line[codeEnd] != ' ' {
		s.failAt(errStatusLine, 0)
		return false
	}
	code, _ := parseUint(line[codeAt:codeEnd], 999)
	if code < 100 || code > 699 {
		s.failAt(errStatusLine, codeAt)
		return false
	}
	m := s.m
	m.status = uint16(code)
	m.methodAt = span(0, len(version))
	m.uriAt = span(codeAt, codeEnd)
	m.reasonAt = span(min(codeEnd+1, len(line)), len(line))
	return true
}
