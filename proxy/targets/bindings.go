package targets

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// AppendBindings appends a target for every live binding that can be called (RFC
// 3261 16.5), the newest first. Those whose contact is an address-of-record of
// tables' domains are for a Chain to look up.
func AppendBindings(dst []Target, record location.Record, now int64, tables *routing.Tables) []Target {
	start := len(dst)
	for b := range record.Live(now) {
		if t, ok := ofBinding(&b, tables); ok {
			dst = append(dst, t)
		}
	}
	slices.SortStableFunc(dst[start:], func(a, b Target) int { return b.newness.Compare(a.newness) })
	return dst
}

// ofBinding is the target that a binding makes. What wants a transport that is
// not served is none: its phone would get in the clear what it asked to have
// secured, or nothing. So is what leads to this cluster but to nobody behind it.
func ofBinding(b *location.Binding, tables *routing.Tables) (Target, bool) {
	uri, err := wire.ParseURI(b.Contact)
	if err != nil || uri.Scheme != wire.SchemeSIP {
		return Target{}, false
	}
	t := Target{URI: wire.WithoutHeaders(b.Contact), newness: b.Version}
	if len(b.Instance) > 0 {
		t.Group = xxhash.Sum64(b.Instance)
	}
	switch {
	case len(b.Path) > 0:
		return t, t.setPath(b.Path, b.Flow)
	case !b.Flow.IsValid() && tables.Names(&uri):
		t.ours = true
		return t, tables.HasAOR(&uri)
	case !transport.OverUDP(&uri):
		return t, false
	case b.Flow.IsValid():
		t.setFlow(b.Flow)
	default:
		t.setURI(&uri, b.Flow.Listener)
	}
	return t, true
}

// setPath has the request go by way of the proxies that the phone registered
// through (RFC 3327 5.4), over the flow to the first of them if its URI does not
// say, and reports whether that can be sent to.
func (t *Target) setPath(path []byte, over flow.Flow) bool {
	first, _ := wire.CutValue(path)
	hop, err := wire.ParseNameAddr(first)
	if err != nil {
		return false
	}
	uri, err := wire.ParseURI(hop.URI)
	if err != nil || !transport.OverUDP(&uri) {
		return false
	}
	if _, loose := uri.Param("lr"); !loose {
		t.Strict = hop.URI
	}
	t.Path = path
	if over.IsValid() {
		t.setFlow(over)
	} else {
		t.setURI(&uri, over.Listener)
	}
	return true
}
