package digest

// Bounds of a header field's value.
const (
	// MaxValue is the length of the longest that is read, in bytes.
	MaxValue = 4096
	// MaxParams is the most parameters that one may have.
	MaxParams = 32
)

// scheme is the name of the scheme, in any case (RFC 7235 section 2.1).
const scheme = "digest"

// params walks over the parameters of a challenge or credentials: name "=" value,
// separated by commas, with white space around both, and empty ones between (RFC 3261
// section 25.1, RFC 7235 section 2.1).
type params struct {
	rest  []byte
	n     int
	name  []byte
	value []byte // without quotes, escapes left as they are
	err   *Error // why the walk ended, if not at the end
}

// begin starts the walk, after the scheme.
func begin(value []byte) (p params) {
	value = value[skipSpace(value, 0):]
	switch n := len(scheme); {
	case len(value) < n || !equalFold(value[:n], scheme), len(value) > n && !isSpace(value[n]):
		p.err = errScheme
	case len(value) > MaxValue:
		p.err = errTooLong
	default:
		p.rest = value[n:]
	}
	return p
}

// next moves to the next parameter.
func (p *params) next() bool {
	if p.err != nil || !p.skipCommas() {
		return false
	}
	if p.n++; p.n > MaxParams {
		return p.fail(errTooMany)
	}
	rest, end := p.rest, 0
	for end < len(rest) && classes[rest[end]]&inName != 0 {
		end++
	}
	p.name = rest[:end]
	i := skipSpace(rest, end)
	if end == 0 || i == len(rest) || rest[i] != '=' {
		return p.fail(errSyntax)
	}
	p.rest = rest[skipSpace(rest, i+1):]
	return p.readValue()
}

// skipCommas moves to what is next in the list, and reports whether there is something.
func (p *params) skipCommas() bool {
	rest := p.rest
	i := skipSpace(rest, 0)
	if p.n > 0 && i < len(rest) && rest[i] != ',' {
		return p.fail(errSyntax)
	}
	for i < len(rest) && (rest[i] == ',' || isSpace(rest[i])) {
		i++
	}
	p.rest = rest[i:]
	return len(p.rest) > 0
}

// readValue cuts a quoted string, or what stands up to the next comma or space: phones
// write without quotes what the grammar has in quotes.
func (p *params) readValue() bool {
	rest, end := p.rest, 0
	if len(rest) > 0 && rest[0] == '"' {
		return p.readQuoted()
	}
	for end < len(rest) && classes[rest[end]]&endsWord == 0 {
		end++
	}
	if end < len(rest) && rest[end] != ',' && !isSpace(rest[end]) {
		if isControl(rest[end]) {
			return p.fail(errControl)
		}
		return p.fail(errSyntax)
	}
	p.value, p.rest = rest[:end], rest[end:]
	return true
}

// readQuoted cuts a quoted string (RFC 3261 section 25.1). Control characters are refused
// where the grammar has them, after a backslash and in folded lines: no name is made of
// them.
func (p *params) readQuoted() bool {
	rest := p.rest
	for i := 1; i < len(rest); i++ {
		c := rest[i]
		if classes[c]&endsText == 0 {
			continue
		}
		if c == '"' {
			p.value, p.rest = rest[1:i], rest[i+1:]
			return true
		}
		if c == '\\' && i+1 < len(rest) {
			i++
			c = rest[i]
		}
		if isControl(c) {
			return p.fail(errControl)
		}
	}
	return p.fail(errUnclosed)
}

func (p *params) fail(err *Error) bool {
	p.err = err
	return false
}

// skipSpace returns the index of the first byte at or after i that is no white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}
