package forward

import (
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/wire"
)

// setTarget edits Request-URI and Route (RFC 3261 16.4, 16.6 steps 2 and 6).
func (b *Builder) setTarget(r *Request, t *targets.Target) {
	e, d := &b.edit, r.Decision
	uri := t.URI
	if uri == nil {
		uri = d.RequestURI
	}
	if d.RequestURI != nil || t.Path != nil || t.Strict != nil {
		b.rewriteRoutes(r, t, uri)
		return
	}
	if uri != nil {
		e.SetRequestURI(uri)
	}
	e.RemoveFirst(wire.HeaderRoute, d.OwnRoutes)
}

// rewriteRoutes is setTarget where the Route set is made anew: a strict router
// before us put our URI into the request line and the real one at the end, a
// strict router after us wants just that, or the callee's Path comes first.
func (b *Builder) rewriteRoutes(r *Request, t *targets.Target, uri []byte) {
	e, d := &b.edit, r.Decision
	if uri == nil {
		uri = r.Message.RequestURI()
	}
	e.RemoveAll(wire.HeaderRoute)
	skip := 0
	if t.Strict != nil { // the first is the request line's
		skip = 1
	}
	add := func(value []byte) {
		if skip--; skip < 0 {
			e.AppendHeader("Route", value)
		}
	}
	for v, rest := wire.CutValue(t.Path); v != nil; v, rest = wire.CutValue(rest) {
		add(v)
	}
	left := -d.OwnRoutes
	for range r.Message.Values(wire.HeaderRoute) {
		left++
	}
	if d.RequestURI != nil {
		left-- // the last is the Request-URI
	}
	own := d.OwnRoutes
	for v := range r.Message.Values(wire.HeaderRoute) {
		if own--; own >= 0 {
			continue
		}
		if left--; left < 0 {
			break
		}
		add(v)
	}
	if t.Strict != nil {
		b.value = append(append(append(b.value[:0], '<'), uri...), '>')
		e.AppendHeader("Route", b.value)
		uri = wire.WithoutHeaders(t.Strict)
	}
	e.SetRequestURI(uri)
}
