package forward

import (
	"strconv"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// defaultMaxForwards is what a request without Max-Forwards gets (RFC 3261 16.6
// step 3).
const defaultMaxForwards = 70

// Request is a request that leaves.
type Request struct {
	Message *wire.Message
	// Via is its topmost one.
	Via *wire.Via
	// From is what it came over, Back what its responses go over.
	From, Back flow.Flow
	Decision   *routing.Decision
	// CallerEnd is who the sender is, if it came over a connection by which it has
	// registered: by that it is found again over another one.
	CallerEnd token.End
	// CallerOwner is the member by way of which alone From leads back to the sender, if
	// there is one.
	CallerOwner Owner
	// Owner holds its transaction. It leaves Stateless where nobody does.
	Owner     Owner
	Stateless bool
}

// Builder builds messages, each in one call, with memory that is used again. The
// zero value is ready for use by one goroutine at a time.
type Builder struct {
	edit  wire.Edit
	value []byte // of one header field, which an edit copies
	token []byte // of a Record-Route
	name  []byte // of one target
}

// Fork appends, for each target, a branch of the transaction tx to fork, and the
// request as it leaves for it to dst (RFC 3261 16.6). Of what was appended to dst
// before nothing moves.
func (b *Builder) Fork(dst []byte, fork []transaction.Target, n *Names, r *Request, tx token.TxID, list []targets.Target) ([]byte, []transaction.Target) {
	loop := n.keys.LoopHash(tx, r.Decision.LoopFields(r.Message))
	for i := range list {
		t := &list[i]
		b.name = t.AppendName(b.name[:0], r.Message.RequestURI())
		branch := token.Branch{Tx: tx, Target: n.keys.Target(tx, b.name), Loop: loop}
		start := len(dst)
		dst = b.append(dst, n, r, t, branch)
		fork = append(fork, transaction.Target{Branch: branch, Group: t.Group, Flow: t.Next, Last: t.Last, Bytes: dst[start:len(dst):len(dst)]})
	}
	return dst, fork
}

// append appends the request as it leaves for t in a branch (RFC 3261 16.6 steps 1
// to 8).
func (b *Builder) append(dst []byte, n *Names, r *Request, t *targets.Target, branch token.Branch) []byte {
	m, e := r.Message, &b.edit
	e.Reset(m)
	var text [64]byte
	e.PatchTopVia(r.Via.Source(r.From.Remote, text[:0]))
	b.setTarget(r, t)
	hops, has, _ := m.MaxForwards()
	if !has {
		hops = defaultMaxForwards + 1
	}
	e.SetMaxForwards(hops - 1)
	b.setBreadth(m, t.Breadth)
	b.setSender(r, t)
	b.setRecordRoute(n, r, t)
	if t.Next.Transport == flow.Local && n.application != nil {
		b.setOriginal(n, m)
	}
	if t.Next.Transport != flow.UDP {
		b.setLength(m)
	}
	owner := r.Owner
	if r.Stateless {
		owner = Owner{} // a Via of ours without one is one that something was taken from
	}
	b.value = n.appendVia(b.value[:0], t.Next, branch, owner, r.Back, t.Breadth)
	e.PrependHeader("Via", b.value)
	return e.Append(dst)
}

// setSender takes off what is not for the far end, and names who sends (RFC 3325 9.1),
// unless that is to be told to nobody who is not trusted (RFC 3325 7).
func (b *Builder) setSender(r *Request, t *targets.Target) {
	d := r.Decision
	for _, i := range d.Strip {
		b.edit.RemoveLine(i)
	}
	switch {
	case t.Next.Transport == flow.Local: // ours, and trusted
		b.tellIdentity(d)
	case d.Private && !d.Trusts(t.Next.Remote.Addr()):
		b.edit.RemoveAll(wire.HeaderPAssertedIdentity)
		b.edit.RemoveAll(wire.HeaderRemotePartyID)
	case len(d.Assert) > 0:
		b.edit.PrependHeader("P-Asserted-Identity", d.Assert)
	}
}

// tellIdentity tells the application who has proved to send.
func (b *Builder) tellIdentity(d *routing.Decision) {
	switch {
	case len(d.Assert) > 0:
		b.edit.PrependHeader("P-Asserted-Identity", d.Assert)
	case d.Authenticated && len(d.Identity) > 0:
		b.value = append(append(append(b.value[:0], '<'), d.Identity...), '>')
		b.edit.PrependHeader("P-Asserted-Identity", b.value)
	}
}

// setBreadth writes Max-Breadth (RFC 5393 5.3.3). A CANCEL has none, as it is
// never proxied (RFC 5393 5.4.1): one that leaves here stands for our own.
func (b *Builder) setBreadth(m *wire.Message, breadth int) {
	if m.Method() == wire.MethodCancel {
		return
	}
	var text [20]byte
	value := strconv.AppendInt(text[:0], int64(breadth), 10)
	if i := m.Index(wire.HeaderMaxBreadth); i >= 0 {
		b.edit.ReplaceValue(i, value)
		return
	}
	b.edit.PrependHeader("Max-Breadth", value)
}

// setLength says how long the body is where nobody has: in a stream of bytes nothing else
// tells where a message ends (RFC 3261 18.3).
func (b *Builder) setLength(m *wire.Message) {
	if !m.Has(wire.HeaderContentLength) {
		var text [20]byte
		b.edit.PrependHeader("Content-Length", strconv.AppendInt(text[:0], int64(len(m.BodyBytes())), 10))
	}
}

// Response appends a response as it goes back: without our Via (RFC 3261 16.7 step
// 3), and if it is doubted without what it says of who sends it (RFC 3325 5).
func (b *Builder) Response(dst []byte, m *wire.Message, doubted bool) []byte {
	b.edit.Reset(m)
	b.edit.RemoveTopVia()
	b.setLength(m) // it may go over a connection
	if doubted {
		b.edit.RemoveAll(wire.HeaderPAssertedIdentity)
		b.edit.RemoveAll(wire.HeaderPPreferredIdentity)
		b.edit.RemoveAll(wire.HeaderRemotePartyID)
	}
	return b.edit.Append(dst)
}
