package server

import "github.com/sipring/sipring/proxy/wire"

// setTarget edits Request-URI and Route (RFC 3261 16.4, 16.6 steps 2 and 6).
func (r *request) setTarget(t *target) {
	e, d := &r.edit, &r.decision
	uri := t.uri
	if uri == nil {
		uri = d.RequestURI
	}
	if d.RequestURI != nil || t.path != nil || t.strict != nil {
		r.rewriteRoutes(t, uri)
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
func (r *request) rewriteRoutes(t *target, uri []byte) {
	e, d := &r.edit, &r.decision
	if uri == nil {
		uri = r.msg.RequestURI()
	}
	e.RemoveAll(wire.HeaderRoute)
	skip := 0
	if t.strict != nil { // the first is the request line's
		skip = 1
	}
	add := func(value []byte) {
		if skip--; skip < 0 {
			e.AppendHeader("Route", value)
		}
	}
	for v, rest := wire.CutValue(t.path); v != nil; v, rest = wire.CutValue(rest) {
		add(v)
	}
	left := -d.OwnRoutes
	for range r.msg.Values(wire.HeaderRoute) {
		left++
	}
	if d.RequestURI != nil {
		left-- // the last is the Request-URI
	}
	own := d.OwnRoutes
	for v := range r.msg.Values(wire.HeaderRoute) {
		if own--; own >= 0 {
			continue
		}
		if left--; left < 0 {
			break
		}
		add(v)
	}
	if t.strict != nil {
		r.extra = append(append(append(r.extra[:0], '<'), uri...), '>')
		e.AppendHeader("Route", r.extra)
		uri = wire.WithoutHeaders(t.strict)
	}
	e.SetRequestURI(uri)
}
