package wire

import "bytes"

// Scheme is the scheme of a URI.
type Scheme uint8

// Schemes.
const (
	SchemeOther Scheme = iota
	SchemeSIP
	SchemeSIPS
	SchemeTel // RFC 3966
)

var schemeNames = [...]string{SchemeOther: "", SchemeSIP: "sip", SchemeSIPS: "sips", SchemeTel: "tel"}

// String returns the scheme in lower case, or "" for SchemeOther.
func (s Scheme) String() string {
	if int(s) < len(schemeNames) {
		return schemeNames[s]
	}
	return ""
}

// URI is a SIP, SIPS or tel URI, or any other in its outer form. All slices are views into what was parsed, with
// escapes as they were.
type URI struct {
	Scheme      Scheme
	HasPort     bool
	Port        uint16 // 0 without HasPort
	User        []byte // nil if there is none; of a tel URI the number, with its separators
	Password    []byte // nil if there is none
	Host        []byte // an IPv6 reference keeps its brackets; nil for tel and other schemes
	Params      []byte // between the first ";" and "?" or the end
	Headers     []byte // after "?"
	SchemeBytes []byte // as written, without the colon
	Opaque      []byte // everything after the colon
}

// ParseURI parses a URI without angle brackets. The error, a *Error, is always the same: "Malformed URI".
func ParseURI(b []byte) (URI, error) {
	var u URI
	if u.parsePlain(b) || u.parse(b) {
		return u, nil
	}
	return URI{}, errURI
}

// parsePlain reads a SIP or SIPS URI of nothing but a host, perhaps a user and a port, and characters that mean nothing
// else: most are, and parse finds the same. It reports whether it is one, and leaves u alone if not.
func (u *URI) parsePlain(b []byte) bool {
	scheme := SchemeSIP
	switch {
	case len(b) > 4 && b[3] == ':' && schemeOf(b[:3]) == SchemeSIP:
	case len(b) > 5 && b[4] == ':' && schemeOf(b[:4]) == SchemeSIPS:
		scheme = SchemeSIPS
	default:
		return false
	}
	colon := len(scheme.String())
	rest, end := b[colon+1:], 0
	for end < len(rest) && charClass[rest[end]]&(classUser|classParamSep) == classUser && rest[end] != '?' {
		end++
	}
	var user []byte
	at := rest
	if end > 0 && end < len(rest) && rest[end] == '@' {
		user, at = rest[:end:end], rest[end+1:]
	}
	host, port, hasPort, ok := splitHostPort(at, false)
	if ok {
		*u = URI{
			Scheme: scheme, User: user, Host: host, Port: port, HasPort: hasPort,
			SchemeBytes: b[:colon:colon], Opaque: rest,
		}
	}
	return ok
}

// parse reads any URI.
func (u *URI) parse(b []byte) bool {
	colon := bytes.IndexByte(b, ':')
	if colon < 1 || colon+1 == len(b) || !none(b, classURIBad) || !validScheme(b[:colon]) {
		return false
	}
	u.SchemeBytes, u.Opaque = b[:colon:colon], b[colon+1:]
	u.Scheme = schemeOf(u.SchemeBytes)
	switch u.Scheme {
	case SchemeSIP, SchemeSIPS:
		return u.parseSIP(u.Opaque)
	case SchemeTel:
		return u.parseTel(u.Opaque)
	}
	return true
}

// Param returns the value of a URI parameter, whose name may be in any case and have escapes (RFC 4475 3.1.1.3). The value,
// with escapes as they were, is nil if there is no "=".
func (u *URI) Param(name string) (value []byte, ok bool) {
	if bytes.IndexByte(u.Params, '%') < 0 {
		return findParam(u.Params, name)
	}
	return findEscapedParam(u.Params, name)
}

// ParamIs reports whether a URI parameter is there with a value, both in lower case, whatever case and escapes they are
// written in.
func (u *URI) ParamIs(name, value string) bool {
	v, ok := u.Param(name)
	return ok && equalEscaped(v, value, true)
}

// WithoutHeaders returns a SIP or SIPS URI as it may stand in a request line: without headers (RFC 3261 19.1.1, table 1).
func WithoutHeaders(uri []byte) []byte {
	at := max(bytes.IndexByte(uri, '@'), 0)
	if q := bytes.IndexByte(uri[at:], '?'); q >= 0 {
		return uri[:at+q]
	}
	return uri
}

func schemeOf(b []byte) Scheme {
	switch {
	case equalFold(b, "sip"):
		return SchemeSIP
	case equalFold(b, "sips"):
		return SchemeSIPS
	case equalFold(b, "tel"):
		return SchemeTel
	}
	return SchemeOther
}

// validScheme checks RFC 3986 3.1.
func validScheme(b []byte) bool {
	if c := Lower(b[0]); c < 'a' || c > 'z' {
		return false
	}
	for _, c := range b {
		if !is(c, classHost) && c != '+' || c == '_' {
			return false
		}
	}
	return true
}

// parseSIP reads [userinfo "@"] hostport uri-parameters [headers] (RFC 3261 25.1). A user part may hold ";" and "?", so
// the at sign comes first.
func (u *URI) parseSIP(b []byte) bool {
	if at := bytes.IndexByte(b, '@'); at >= 0 {
		if !u.parseUserinfo(b[:at]) {
			return false
		}
		b = b[at+1:]
	}
	if q := bytes.IndexByte(b, '?'); q >= 0 {
		u.Headers, b = b[q+1:], b[:q]
	}
	if bytes.IndexByte(b, '@') >= 0 {
		return false
	}
	if semi := bytes.IndexByte(b, ';'); semi >= 0 {
		u.Params, b = b[semi+1:], b[:semi]
		if !validParams(u.Params) {
			return false
		}
	}
	var ok bool
	u.Host, u.Port, u.HasPort, ok = splitHostPort(b, false)
	return ok
}

func (u *URI) parseUserinfo(b []byte) bool {
	u.User = b
	if colon := bytes.IndexByte(b, ':'); colon >= 0 {
		u.User, u.Password = b[:colon:colon], b[colon+1:]
	}
	return len(u.User) > 0 && validEscapes(b)
}

func validEscapes(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if _, ok := unescape(b[i:]); !ok {
			return false
		}
		b = b[i+3:]
	}
}

// unescape decodes the escape "%" HEX HEX at the start of b.
func unescape[T []byte | string](b T) (c byte, ok bool) {
	if len(b) < 3 || b[0] != '%' {
		return 0, false
	}
	hi, ok1 := hexDigit(b[1])
	lo, ok2 := hexDigit(b[2])
	return hi<<4 | lo, ok1 && ok2
}

// parseTel reads a telephone-subscriber (RFC 3966 3).
func (u *URI) parseTel(b []byte) bool {
	u.User = b
	if semi := bytes.IndexByte(b, ';'); semi >= 0 {
		u.User, u.Params = b[:semi:semi], b[semi+1:]
	}
	digits := 0
	for i, c := range u.User {
		_, hex := hexDigit(c)
		switch {
		case hex || c == '*' || c == '#':
			digits++
		case !isTelMark(c) && (c != '+' || i > 0):
			return false
		}
	}
	return digits > 0 && validParams(u.Params)
}

// isTelMark reports whether c is a visual separator (RFC 3966 5.1.1).
func isTelMark(c byte) bool { return c == '-' || c == '.' || c == '(' || c == ')' }
