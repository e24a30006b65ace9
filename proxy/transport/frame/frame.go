package frame

import "bytes"

// MaxHeader is the most of a start line with its header fields and the empty line, and
// MaxBody the most of a body, in bytes.
const (
	MaxHeader = 64 << 10
	MaxBody   = 64 << 10
)

// Kind is what a stream begins with.
type Kind uint8

// The kinds. Of More, Garbage and TooLong nothing can be taken from the stream.
const (
	// More: more bytes are needed to tell.
	More Kind = iota
	// Message: a whole message.
	Message
	// NoLength: a header without a Content-Length. Where its body ends nobody knows;
	// it is taken to have none.
	NoLength
	// BadLength: a header whose Content-Length is malformed, repeated, or more than
	// MaxBody. Nothing that follows can be told apart.
	BadLength
	// Ping: the second of two line ends, to be answered with one.
	Ping
	// LineEnd: one that is none or half of a ping.
	LineEnd
	// Garbage: no start line of SIP.
	Garbage
	// TooLong: a header of more than MaxHeader bytes.
	TooLong
)

// Scanner tells what a stream begins with. The zero value is at its beginning.
type Scanner struct {
	seen    int // there is no line end from line up to here
	line    int // where the line begins that is not whole yet
	field   int // where a Content-Length begins, 0 if there was none
	repeats bool
	header  int  // length of the whole header, 0 as long as there is none
	length  int  // of header and body
	half    bool // a line end came that is not half of a ping yet
}

// Next tells what b begins with and how many bytes of it that is, which are then to be
// cut off. Of More n is how many there must be at least: b is to be given again, with
// what came since.
func (s *Scanner) Next(b []byte) (k Kind, n int) {
	if s.seen == 0 && len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		return s.lineEnd(b)
	}
	if s.header == 0 {
		if k = s.scan(b); k != Message {
			return k, len(b) + 1
		}
		length, ok := s.contentLength(b[:s.header])
		switch {
		case s.field == 0:
			return s.taken(NoLength, s.header)
		case !ok:
			return s.taken(BadLength, s.header)
		}
		s.length = s.header + length
	}
	if len(b) < s.length {
		return More, s.length
	}
	return s.taken(Message, s.length)
}

func (s *Scanner) taken(k Kind, n int) (Kind, int) {
	*s = Scanner{}
	return k, n
}

// lineEnd takes a line end between messages (RFC 3261 7.5).
func (s *Scanner) lineEnd(b []byte) (Kind, int) {
	switch {
	case b[0] == '\n':
		return LineEnd, 1
	case len(b) == 1:
		return More, 2
	case b[1] != '\n':
		return Garbage, 0
	case s.half:
		s.half = false
		return Ping, 2
	}
	s.half = true
	return LineEnd, 2
}

// scan looks for the end of the header. Message means that it is there.
func (s *Scanner) scan(b []byte) Kind {
	if s.line == 0 && !beginsMethod(b) {
		return Garbage
	}
	for {
		n := bytes.IndexByte(b[s.seen:], '\n')
		if n < 0 {
			s.seen = len(b)
			if len(b) >= MaxHeader {
				return TooLong
			}
			return More
		}
		end := s.seen + n + 1
		if end > MaxHeader {
			return TooLong
		}
		line := bytes.TrimSuffix(b[s.line:end-1], []byte("\r"))
		switch {
		case len(line) == 0:
			s.header = end
			return Message
		case s.line == 0 && !isStartLine(line):
			return Garbage
		case s.line > 0 && isContentLength(line):
			s.repeats = s.field > 0
			s.field = s.line
		}
		s.seen, s.line = end, end
	}
}
