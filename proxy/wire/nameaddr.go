package wire

import "bytes"

// NameAddr is the value of From, To, Contact, Route, Record-Route, Path, Refer-To and their like: name-addr or addr-spec,
// with header parameters (RFC 3261 20.10). All slices are views into what was parsed.
type NameAddr struct {
	Display []byte // without quotes, escapes left as they are; nil if there is none
	URI     []byte // without angle brackets; see ParseURI
	Params  []byte // header parameters, after the first ";"
	Star    bool   // Contact: * (RFC 3261 10.2.2); URI is nil
}

// ParseNameAddr parses one element. Without angle brackets everything from the first ";" on is header parameters, and "?"
// and "," are refused (RFC 3261 20.10). Of the URI only the characters and that there is a scheme are checked. A display
// name that is neither tokens nor quoted is let through, as long as it holds no comma, semicolon, question mark or quote.
// The error is a *Error: "Malformed Address".
func ParseNameAddr(b []byte) (NameAddr, error) {
	var n NameAddr
	b = trimLWS(b)
	if len(b) == 1 && b[0] == '*' {
		return NameAddr{Star: true}, nil
	}
	quoted := len(b) > 0 && b[0] == '"'
	if quoted && !n.parseQuoted(b) || !quoted && !n.parsePlain(b) {
		return NameAddr{}, errNameAddr
	}
	return n, nil
}

// Param returns the value of a header parameter, whose name may be in any case, without quotes. The value of one without
// "=" is nil.
func (n *NameAddr) Param(name string) (value []byte, ok bool) { return findParam(n.Params, name) }

// Tag returns the tag parameter, nil if there is none.
func (n *NameAddr) Tag() []byte {
	tag, _ := n.Param("tag")
	return tag
}

func (n *NameAddr) parseQuoted(b []byte) bool {
	end, ok := quotedClosed(b, 0)
	if !ok {
		return false
	}
	n.Display = b[1 : end-1]
	return n.parseBracketed(b[skipLWS(b, end):])
}

func (n *NameAddr) parsePlain(b []byte) bool {
	for i, c := range b {
		switch c {
		case '<':
			if i > 0 {
				n.Display = trimLWS(b[:i])
			}
			return n.parseBracketed(b[i:])
		case ';':
			return n.parseAddrSpec(b[:i], b[i+1:])
		case '"', ',', '?':
			return false
		}
	}
	return n.parseAddrSpec(b, nil)
}

func (n *NameAddr) parseAddrSpec(uri, params []byte) bool {
	n.URI, n.Params = trimLWS(uri), params
	return hasScheme(n.URI) && validParams(params)
}

func (n *NameAddr) parseBracketed(b []byte) bool {
	if len(b) == 0 || b[0] != '<' {
		return false
	}
	end := bytes.IndexByte(b, '>')
	if end < 2 {
		return false
	}
	n.URI = b[1:end]
	rest := b[skipLWS(b, end+1):]
	if len(rest) > 0 {
		if rest[0] != ';' {
			return false
		}
		n.Params = rest[1:]
	}
	return hasScheme(n.URI) && validParams(n.Params)
}

// hasScheme is the part of ParseURI that a name-addr cannot do without.
func hasScheme(uri []byte) bool {
	return bytes.IndexByte(uri, ':') > 0 && none(uri, classURIBad)
}
