package forward

import (
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// setRecordRoute puts our Record-Route on top where the dialog has to come back
// this way (RFC 3261 16.6 step 4). Within a dialog that has it already, it is
// written anew for a NOTIFY, which may make the dialog before the 200 to SUBSCRIBE
// (RFC 6665 4.1.2.4).
func (b *Builder) setRecordRoute(n *Names, r *Request, t *targets.Target) {
	m, own := r.Message, r.Decision.RecordRoute
	came, leaves := n.of(r.From), n.of(t.Next)
	switch {
	case r.Stateless:
	case own == nil && makesDialog(m):
		b.token = n.appendToken(b.token[:0], r, t)
		b.prependRecordRoutes(came, leaves)
	case own == nil || m.Method() != wire.MethodNotify:
	case came.same(leaves):
		b.value = append(append(append(b.value[:0], '<'), own...), '>')
		b.edit.PrependHeader("Record-Route", b.value)
	default:
		uri, _ := wire.ParseURI(own) // which has been parsed before
		b.token = append(b.token[:0], uri.User...)
		b.prependRecordRoutes(came, leaves)
	}
}

// prependRecordRoutes puts the cluster with the token on top: as it is reached by the
// listener by which the request leaves, and below, if that is another, by the one by
// which it came (RFC 5658 5); so it is with addresses of two families (RFC 6157 5.2).
// Each end of the dialog may reach its own alone. Both have the token, as a strict
// router, or a change of names, leaves one.
func (b *Builder) prependRecordRoutes(came, leaves *place) {
	if !came.same(leaves) {
		b.prependRecordRoute(came)
	}
	b.prependRecordRoute(leaves)
}

func (b *Builder) prependRecordRoute(p *place) {
	b.value = append(append(append(b.value[:0], routeHead...), b.token...), p.routeTail...)
	b.edit.PrependHeader("Record-Route", b.value)
}

// makesDialog reports whether a request begins a dialog that has to come back
// this way: methods that make one, without a To tag.
func makesDialog(m *wire.Message) bool {
	switch m.Method() {
	case wire.MethodInvite, wire.MethodSubscribe, wire.MethodRefer:
		return m.ToTag() == nil
	case wire.MethodNotify:
		return true
	}
	return false
}

// appendToken appends the token of our Record-Route for t: what any pod needs to route
// within the dialog.
func (n *Names) appendToken(dst []byte, r *Request, t *targets.Target) []byte {
	m := r.Message
	tok := token.Token{CallerTag: token.HashTag(m.FromTag()), Made: r.Decision.Hour}
	tok.Caller, tok.CallerNAT = r.callerWay()
	tok.Callee, tok.CalleeNAT = t.Way()
	return n.keys.AppendToken(dst, &tok, m.CallID())
}
