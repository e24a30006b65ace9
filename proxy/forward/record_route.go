package forward

import (
	"bytes"

	"github.com/sipring/sipring/proxy/flow"
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
		b.prependRecordRoutes(came, leaves, isSIPS(r, t))
	case own == nil || m.Method() != wire.MethodNotify:
	case came.same(leaves) && came.transport == flow.UDP:
		b.value = append(append(append(b.value[:0], '<'), own...), '>')
		b.edit.PrependHeader("Record-Route", b.value)
	default:
		uri, _ := wire.ParseURI(own) // which has been parsed before
		b.token = append(b.token[:0], uri.User...)
		b.prependRecordRoutes(came, leaves, isSIPS(r, t))
	}
}

// prependRecordRoutes puts the cluster with the token on top: as it is reached by the
// listener by which the request leaves, and below, if that is another or of another
// transport, by the one by which it came (RFC 5658 5); so it is with addresses of two
// families (RFC 6157 5.2). Each end of the dialog may reach its own alone. Both have the
// token, as a strict router, or a change of names, leaves one.
func (b *Builder) prependRecordRoutes(came, leaves *place, sips bool) {
	if !came.same(leaves) {
		b.prependRecordRoute(came, sips)
	}
	b.prependRecordRoute(leaves, sips)
}

func (b *Builder) prependRecordRoute(p *place, sips bool) {
	b.value = p.appendRoute(b.value[:0], b.token, sips)
	b.edit.PrependHeader("Record-Route", b.value)
}

// isSIPS reports whether the request leaves with a SIPS URI as its Request-URI or
// topmost Route: its Record-Route is one then (RFC 3261 16.6 step 4).
func isSIPS(r *Request, t *targets.Target) bool {
	uri := t.URI
	switch {
	case uri != nil:
	case r.Decision.RequestURI != nil:
		uri = r.Decision.RequestURI
	default:
		uri = r.Message.RequestURI()
	}
	if hasSIPS(uri) || t.Path == nil {
		return hasSIPS(uri) || hasSIPS(r.Decision.NextRoute)
	}
	first, _ := wire.CutValue(t.Path)
	hop, err := wire.ParseNameAddr(first)
	return err == nil && hasSIPS(hop.URI)
}

func hasSIPS(uri []byte) bool { return len(uri) > 5 && bytes.EqualFold(uri[:5], []byte("sips:")) }

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
	tok.Caller, tok.CallerNAT = n.callerWay(r)
	if tok.CallerNAT && tok.Caller.Transport == flow.UDP {
		tok.Caller.Owner, tok.Caller.Life = r.CallerOwner.ID, r.CallerOwner.Life
	}
	tok.Callee, tok.CalleeNAT = t.Way()
	if tok.Caller.Conn != 0 {
		tok.CallerEnd = r.CallerEnd
	}
	if tok.Callee.Conn != 0 {
		tok.CalleeEnd = token.End{AOR: t.AOR, Instance: t.Instance}
	}
	return n.keys.AppendToken(dst, &tok, m.CallID())
}

// AppendServiceRoute appends the header line that tells who registers over a flow, by way
// of other proxies, how its requests come to its home: to any member (RFC 3608 5).
func (n *Names) AppendServiceRoute(dst []byte, came flow.Flow, sips bool) []byte {
	head, tail := n.of(came).route(sips)
	dst = append(append(dst, "Service-Route: "...), head...)
	return append(append(dst, tail[len("@"):]...), '\r', '\n')
}
