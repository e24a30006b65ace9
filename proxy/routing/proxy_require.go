package routing

import (
	"slices"

	"github.com/sipring/sipring/proxy/wire"
)

// checkProxyRequire is RFC 3261 16.3 step 5: no extension is supported that a
// proxy would have to know. ACK and CANCEL are not asked (8.2.2.3).
func checkProxyRequire(_ *Tables, m *wire.Message, d *Decision) Verdict {
	if !m.Has(wire.HeaderProxyRequire) || m.Method() == wire.MethodAck || m.Method() == wire.MethodCancel {
		return Next
	}
	return d.requireOnly(m, wire.HeaderProxyRequire, "proxy_require")
}

// requireOnly rejects a request that has another value in the header than those that are
// supported.
func (d *Decision) requireOnly(m *wire.Message, id wire.HeaderID, why string, supported ...string) Verdict {
	lines, any := appendUnsupported(d.lines[:0], m, id, supported)
	if d.lines = lines; !any {
		return Next
	}
	return d.Reject(420, "Bad Extension", why, lines)
}

// appendUnsupported appends an Unsupported line with all values of the header but those
// that are supported, and reports whether there was one.
func appendUnsupported(dst []byte, m *wire.Message, id wire.HeaderID, supported []string) (lines []byte, any bool) {
	dst = append(dst, "Unsupported: "...)
	for v := range m.Values(id) {
		if slices.ContainsFunc(supported, func(tag string) bool { return isToken(v, tag) }) {
			continue
		}
		if any {
			dst = append(dst, ", "...)
		}
		dst, any = append(dst, v...), true
	}
	return append(dst, "\r\n"...), any
}
