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
	switch {
	case r.Stateless:
		return
	case own == nil && makesDialog(m):
		b.value = n.appendRecordRoute(b.value[:0], r, t)
	case own != nil && m.Method() == wire.MethodNotify:
		b.value = append(append(append(b.value[:0], '<'), own...), '>')
	default:
		return
	}
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

// appendRecordRoute appends the value of our Record-Route for t: the cluster, and a
// token with what any pod needs to route within the dialog.
func (n *Names) appendRecordRoute(dst []byte, r *Request, t *targets.Target) []byte {
	m := r.Message
	tok := token.Token{CallerTag: token.HashTag(m.FromTag()), Made: r.Decision.Hour}
	tok.Caller, tok.CallerNAT = r.callerWay()
	tok.Callee, tok.CalleeNAT = t.Way()
	dst = n.keys.AppendToken(append(dst, n.routeHead...), &tok, m.CallID())
	return append(dst, n.routeTail...)
}
