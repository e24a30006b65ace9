package targets

import (
	"bytes"
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
func AppendBindings(dst []Target, record location.Record, now int64, tables *routing.Tables, callee routing.Callee) []Target {
	start := len(dst)
	if !isRegistered(record, now, callee) {
		return dst
	}
	for b := range record.Live(now) {
		if callee.Instance != 0 && !hasInstance(&b, callee.Instance) {
			continue
		}
		if t, ok := ofBinding(&b, record.AOR(), tables, callee.SIPS); ok {
			dst = append(dst, t)
		}
	}
	slices.SortStableFunc(dst[start:], func(a, b Target) int { return b.newness.Compare(a.newness) })
	return dst
}

// ofBinding is the target that a binding of an address-of-record makes. What wants a transport that is
// not served is none: its phone would get in the clear what it asked to have
// secured, or nothing. So is what leads to this cluster but to nobody behind it, and
// what a SIPS URI may not lead to.
func ofBinding(b *location.Binding, aor []byte, tables *routing.Tables, sips bool) (Target, bool) {
	uri, err := wire.ParseURI(b.Contact)
	if err != nil || !mayFollow(&uri, sips) {
		return Target{}, false
	}
	t := Target{URI: wire.WithoutHeaders(b.Contact), AOR: aor, newness: b.Version}
	if uri.Scheme == wire.SchemeSIPS && !sips {
		t.URI, t.fromSIPS = withoutSecurity(t.URI), true
	}
	if len(b.Instance) > 0 {
		t.Instance, t.regID = xxhash.Sum64(b.Instance), b.RegID
		t.Group = max(t.Instance+31*xxhash.Sum64(aor), 1)
	}
	over, served := transport.Of(&uri, tables.Carries)
	switch {
	case len(b.Path) > 0:
		return t, t.setPath(b.Path, b.Flow, tables, uri.Scheme == wire.SchemeSIPS)
	case b.Flow.Conn != 0 && !diverts(&uri, aor, tables):
		t.setFlow(b.Flow)
		return t, uri.Scheme != wire.SchemeSIPS || b.Flow.Transport.Secure()
	case (b.Flow.Conn != 0 || !b.Flow.IsValid()) && tables.Names(&uri):
		t.ours = true
		return t, tables.HasAOR(&uri)
	case !served:
		return t, false
	case b.Flow.IsValid():
		t.setFlow(b.Flow)
		return t, over == b.Flow.Transport
	default:
		t.setURI(&uri, over, b.Flow.Listener)
	}
	return t, true
}

// diverts reports whether a contact is another address-of-record of ours: who registers
// that over a connection is not called over it. Of what calls itself by its own, a phone
// behind something that rewrites its Contact, the connection is the only way.
func diverts(contact *wire.URI, aor []byte, tables *routing.Tables) bool {
	if !tables.HasAOR(contact) || !tables.Names(contact) {
		return false
	}
	var form [256]byte
	return !bytes.Equal(wire.CanonicalAOR(form[:0], *contact), aor)
}

// mayFollow reports whether a request may go to a contact: one for a SIPS URI to no
// other (RFC 5630 5.3).
func mayFollow(contact *wire.URI, sips bool) bool {
	return contact.Scheme == wire.SchemeSIPS || contact.Scheme == wire.SchemeSIP && !sips
}

// withoutSecurity is a SIPS URI as the Request-URI of a request for a SIP one, which
// goes over TLS all the same (RFC 5630 5.3).
func withoutSecurity(uri []byte) []byte { return append([]byte("sip"), uri[len("sips"):]...) }

// setPath has the request go by way of the proxies that the phone registered
// through (RFC 3327 5.4), over the flow to the first of them if that is a connection or
// its URI does not say, and reports whether that can be sent to. With sips all of them
// have to be secure.
func (t *Target) setPath(path []byte, flow flow.Flow, tables *routing.Tables, sips bool) bool {
	first, rest := wire.CutValue(path)
	hop, uri, ok := parseHop(first)
	if !ok || sips && (uri.Scheme != wire.SchemeSIPS || !allSIPS(rest)) {
		return false
	}
	if _, loose := uri.Param("lr"); !loose {
		t.Strict = hop
	}
	t.Path = path
	over, served := transport.Of(&uri, tables.Carries)
	switch secure := uri.Scheme == wire.SchemeSIPS; {
	case flow.Conn != 0:
		t.setFlow(flow)
		return !secure || flow.Transport.Secure()
	case !served:
		return false
	case flow.IsValid():
		t.setFlow(flow)
		return over == flow.Transport
	default:
		t.setURI(&uri, over, flow.Listener)
	}
	return true
}

func parseHop(value []byte) (text []byte, uri wire.URI, ok bool) {
	hop, err := wire.ParseNameAddr(value)
	if err != nil {
		return nil, uri, false
	}
	uri, err = wire.ParseURI(hop.URI)
	return hop.URI, uri, err == nil
}

// allSIPS reports whether all values of a Path are SIPS URIs (RFC 5630 5.3).
func allSIPS(path []byte) bool {
	for v, rest := wire.CutValue(path); v != nil; v, rest = wire.CutValue(rest) {
		if _, uri, ok := parseHop(v); !ok || uri.Scheme != wire.SchemeSIPS {
			return false
		}
	}
	return true
}
