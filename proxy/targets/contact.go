package targets

import (
	"bytes"

	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// AppendContact appends the target of the live binding whose contact a Request-URI
// is (RFC 3261 19.1.4), but for headers, which a Request-URI has not; none, if it
// is one that cannot be reached. Of several that of the same bytes is meant. It
// reports whether there is such a binding.
func AppendContact(dst []Target, record location.Record, now int64, tables *routing.Tables, uri []byte) (list []Target, registered bool) {
	for b := range record.Live(now) {
		registered = registered || wire.EqualURI(wire.WithoutHeaders(b.Contact), uri)
	}
	if !registered {
		return dst, false
	}
	start := len(dst)
	dst = AppendBindings(dst, record, now, tables, routing.Callee{SIPS: isSIPS(uri)})
	best := -1
	for i := start; i < len(dst); i++ {
		switch t := &dst[i]; {
		case t.ours, t.fromSIPS: // the Request-URI would be decided on as an address-of-record, and is another one
		case bytes.Equal(t.URI, uri):
			best = i
		case best < 0 && wire.EqualURI(t.URI, uri):
			best = i
		}
	}
	if best < 0 {
		return dst[:start], true
	}
	dst[start] = dst[best]
	dst[start].URI = nil // as it came
	return dst[:start+1], true
}

func isSIPS(uri []byte) bool {
	u, err := wire.ParseURI(uri)
	return err == nil && u.Scheme == wire.SchemeSIPS
}
