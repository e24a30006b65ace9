package frame

import "bytes"

// maxMethod is the longest first word of a start line that is waited for.
const maxMethod = 64

// beginsMethod reports whether b may be the beginning of a start line: a token, or a
// version (RFC 3261 7.1, 7.2).
func beginsMethod(b []byte) bool {
	for i, c := range b[:min(len(b), maxMethod)] {
		if c == ' ' {
			return i > 0
		}
		if !isToken(c) && c != '/' {
			return false
		}
	}
	return len(b) < maxMethod
}

func isToken(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || bytes.IndexByte([]byte("-.!%*_+`'~"), c) >= 0
}

// isStartLine reports whether the line says that it is of SIP, at either end.
func isStartLine(line []byte) bool {
	if isVersion(line) {
		return true
	}
	line = bytes.TrimRight(line, " \t")
	return isVersion(line[bytes.LastIndexByte(line, ' ')+1:])
}

func isVersion(b []byte) bool {
	return len(b) >= len("SIP/") && bytes.EqualFold(b[:len("SIP/")], []byte("SIP/"))
}

// isContentLength reports whether a line is of that field, by either name (RFC 3261
// 7.3.3).
func isContentLength(line []byte) bool {
	if c := line[0] | 0x20; c != 'c' && c != 'l' {
		return false
	}
	name, _, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return false
	}
	name = bytes.TrimRight(name, " \t")
	return bytes.EqualFold(name, []byte("Content-Length")) || bytes.EqualFold(name, []byte("l"))
}

// contentLength reads the field of a whole header.
func (s *Scanner) contentLength(header []byte) (n int, ok bool) {
	if s.repeats {
		return 0, false
	}
	_, value, _ := bytes.Cut(header[s.field:], []byte(":"))
	value = bytes.Trim(firstLine(value), " \t\r\n")
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > MaxBody {
			return 0, false
		}
	}
	return n, len(value) > 0
}

// firstLine is the first of lines, with those that it is folded into (RFC 3261 7.3.1).
func firstLine(lines []byte) []byte {
	for end := 0; ; {
		n := bytes.IndexByte(lines[end:], '\n')
		if n < 0 {
			return lines
		}
		if end += n + 1; end == len(lines) || lines[end] != ' ' && lines[end] != '\t' {
			return lines[:end]
		}
	}
}
