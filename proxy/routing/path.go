package routing

import (
	"bytes"

	"github.com/sipring/sipring/proxy/wire"
)

// Bounds of a Path: it goes into every request for the binding, which has 1300
// bytes over UDP.
const (
	maxPathValues = 16
	maxPath       = 2 << 10
)

// optionPath is the option tag of RFC 3327.
const optionPath = "path"

// readPath reads the proxies that a REGISTER came through (RFC 3327 5.3) into
// d.Update, or rejects. They are kept whether or not the phone says that it
// supports them, as it is reached through them alone; they are told to one that
// does (RFC 3261 8.2.4).
func readPath(m *wire.Message, d *Decision) Verdict {
	d.path = d.path[:0]
	values := 0
	for v := range m.Values(wire.HeaderPath) {
		if !isHop(v) {
			return d.Reject(400, "Malformed Path", "path", nil)
		}
		if len(d.path) > 0 {
			d.path = append(d.path, ", "...)
		}
		d.path = append(d.path, v...)
		if values++; values > maxPathValues || len(d.path) > maxPath {
			return d.Reject(400, "Path Too Long", "path", nil)
		}
	}
	unfold(d.path)
	d.Update.Path = d.path
	d.TellPath = len(d.path) > 0 && supports(m, optionPath)
	return Next
}

// isHop reports whether a value can stand in a Route: a SIP URI in brackets (RFC
// 3327 4).
func isHop(value []byte) bool {
	hop, err := wire.ParseNameAddr(value)
	if err != nil || bytes.IndexByte(value, '<') < 0 {
		return false
	}
	uri, err := wire.ParseURI(hop.URI)
	return err == nil && (uri.Scheme == wire.SchemeSIP || uri.Scheme == wire.SchemeSIPS)
}

// supports reports whether who sends supports an extension, or asks for it.
func supports(m *wire.Message, tag string) bool {
	return hasOption(m, wire.HeaderSupported, tag) || hasOption(m, wire.HeaderRequire, tag)
}

func hasOption(m *wire.Message, id wire.HeaderID, tag string) bool {
	for v := range m.Values(id) {
		if isToken(v, tag) {
			return true
		}
	}
	return false
}

// isToken reports whether v is a lower-case token, in any case (RFC 3261 7.3.1).
func isToken(v []byte, token string) bool {
	return len(v) == len(token) && isParam(v, token)
}

// unfold makes spaces of line ends, which in a header value are folding.
func unfold(b []byte) {
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
}
