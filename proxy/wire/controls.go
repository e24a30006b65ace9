package wire

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// checkControls looks for control characters that must not be in a head: a CR that no LF follows, NUL, and in a request any
// other but HTAB, unless it is a quoted-pair (RFC 3261 25.1). A next hop may see a line end where this package sees none.
// In a response only those two count: nobody could be told of it, and a call would fail.
func (s *scanner) checkControls() {
	head := s.raw[:s.m.Body.Start]
	n := controls(head)
	if s.fault == nil && n == s.lines+s.crlf {
		return // the ends of the lines that it was cut into are all that there are
	}
	lines := bytes.Count(head, []byte{'\n'}) + s.crlf
	if n-bytes.Count(head, []byte{'\t'}) == lines && bytes.Count(head, []byte{'\r'}) == s.crlf {
		return
	}
	for i := range head {
		if e := s.controlAt(head, i); e != nil {
			s.m.unclean = true
			s.failAt(e, i)
			return
		}
	}
}

// controlAt returns what is wrong with head[i], if it is a control character.
func (s *scanner) controlAt(head []byte, i int) *Error {
	switch c := head[i]; {
	case !isControl(c) || c == '\n' || c == '\t':
		return nil
	case c == '\r':
		if i+1 == len(head) || head[i+1] != '\n' {
			return errBareCR
		}
		return nil
	case escaped(head, i):
		return nil
	case c == 0:
		return errNUL
	case s.m.request:
		return errControl
	}
	return nil
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }

// controls counts control characters, eight bytes at a time.
func controls(b []byte) (n int) {
	const low7, high = 0x7f7f7f7f7f7f7f7f, 0x8080808080808080
	n = bytes.Count(b, []byte{0x7f})
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b) & 0xe0e0e0e0e0e0e0e0 // 0 in bytes below 0x20
		n += bits.OnesCount64(^(x&low7 + low7 | x) & high)
	}
	for _, c := range b {
		if c < ' ' {
			n++
		}
	}
	return n
}

// clean puts a space in the place of every control character that a head must not hold, so that an answer repeats none.
func clean(b []byte) {
	for i, c := range b {
		switch {
		case !isControl(c) || c == '\n' || c == '\t':
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
		case c == '\r' || !escaped(b, i):
			b[i] = ' '
		}
	}
}

// escaped reports whether an odd number of backslashes stands before b[i].
func escaped(b []byte, i int) bool {
	n := 0
	for n < i && b[i-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}
