package server

import (
	"bytes"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// defaultMaxForwards is what a request without Max-Forwards gets (RFC 3261 16.6
// step 3).
const defaultMaxForwards = 70

// lookupDone takes the bindings of a request's address-of-record.
func (r *request) lookupDone(op *cluster.LookupOp) {
	r.targets = r.targets[:0]
	if r.decision.Action == routing.Contact {
		r.contactLookupDone(op)
		return
	}
	if op.Result == cluster.Unavailable {
		r.unavailable()
		return
	}
	r.bindingTargets(op.Record, op.Now)
	r.reach()
}

// unavailable ends a request whose bindings nobody could tell.
func (r *request) unavailable() {
	if r.cutOff() {
		if !r.stateless {
			r.s.table.Abandon(r.s.now(), r.tx)
		}
		r.release()
		return
	}
	r.finish(503, "Service Unavailable", retryAfter)
}

// forward sends the request to its targets (RFC 3261 16.6), and releases r. If
// none can be reached the answer is 480: a 503 would have the caller leave this
// proxy for another, which knows no other way (RFC 3261 16.7 step 6, RFC 3263
// 4.3).
func (r *request) forward() {
	r.now = r.s.now()
	if r.reachable(); len(r.targets) == 0 {
		r.finish(480, "Temporarily Unavailable", nil)
		return
	}
	breadth, ways := r.breadth(), r.ways()
	if ways > breadth {
		r.finish(440, "Max-Breadth Exceeded", nil)
		return
	}
	r.out, r.fork = r.out[:0], r.fork[:0]
	for _, tx := range r.branchIDs() {
		r.makeBranches(tx, breadth, ways)
	}
	if r.stateless {
		r.sendStateless()
		return
	}
	r.s.table.Fork(r.now, r.tx, r.fork)
	r.release()
}

// sendStateless sends a request without a transaction, and releases r.
func (r *request) sendStateless() {
	sent := false
	for i := range r.fork {
		sent = r.s.layer.Send(r.fork[i].Flow, r.fork[i].Bytes) == nil || sent
	}
	r.s.metrics.stateless.Add(uint64(len(r.fork)))
	if !sent {
		r.finish(480, "Temporarily Unavailable", nil)
		return
	}
	r.release()
}

// branchIDs are the transactions to make branches for: the request's own. A
// CANCEL or the ACK of a failure without one may belong to an INVITE that
// another pod began under any valid key; all but one match nothing at the far
// end.
func (r *request) branchIDs() []token.TxID {
	if r.stateless && (r.msg.Method() == wire.MethodCancel || r.forBindings()) {
		return r.ids
	}
	r.ids = append(r.ids[:0], r.tx)
	return r.ids
}

// makeBranches adds a branch of the transaction for each target to r.fork.
func (r *request) makeBranches(tx token.TxID, breadth, ways int) {
	keys := r.s.keys
	loop := keys.LoopHash(tx, r.decision.LoopFields(&r.msg))
	for i := range r.targets {
		t := &r.targets[i]
		t.breadth = shareOf(breadth, t.way, ways)
		t.branch = token.Branch{Tx: tx, Target: keys.Target(tx, r.targetName(t)), Loop: loop}
		start := len(r.out)
		r.out = r.appendForwarded(r.out, t)
		r.fork = append(r.fork, transaction.Target{
			Branch: t.branch, Group: t.group, Flow: t.next, Bytes: r.out[start:len(r.out):len(r.out)],
		})
	}
}

// targetName is what tells a target from the others of a fork, the same on
// every pod: its URI and, if it has them, its flow and its path.
func (r *request) targetName(t *target) []byte {
	uri := t.uri
	if uri == nil {
		uri = r.msg.RequestURI()
	}
	r.extra = append(r.extra[:0], uri...)
	if t.held.IsValid() {
		r.extra = flow.Append(append(r.extra, ' '), t.held)
	}
	if t.path != nil {
		r.extra = append(append(r.extra, ' '), t.path...)
	}
	return r.extra
}

// appendForwarded appends the request as it leaves for t (RFC 3261 16.6 steps 1
// to 8).
func (r *request) appendForwarded(dst []byte, t *target) []byte {
	m, e, d := &r.msg, &r.edit, &r.decision
	e.Reset(m)
	received, rport, setRPort := r.stamp()
	e.PatchTopVia(received, rport, setRPort)
	r.setTarget(t)
	hops, has, _ := m.MaxForwards()
	if !has {
		hops = defaultMaxForwards + 1
	}
	e.SetMaxForwards(hops - 1)
	r.setBreadth(t.breadth)
	if !r.stateless {
		if d.RecordRoute == nil && makesDialog(m) {
			e.PrependHeader("Record-Route", r.recordRoute(t))
		} else if m.Method() == wire.MethodNotify && d.RecordRoute != nil {
			// A NOTIFY may make the dialog before the 200 to SUBSCRIBE (RFC 6665 4.1.2.4).
			r.extra = append(append(append(r.extra[:0], '<'), d.RecordRoute...), '>')
			e.PrependHeader("Record-Route", r.extra)
		}
	}
	e.PrependHeader("Via", r.ownVia(t))
	return e.Append(dst)
}

// makesDialog reports whether a request begins a dialog that has to come back
// this way (RFC 3261 16.6 step 4): methods that make one, without a To tag.
func makesDialog(m *wire.Message) bool {
	switch m.Method() {
	case wire.MethodInvite, wire.MethodSubscribe, wire.MethodRefer:
		return m.ToTag() == nil
	case wire.MethodNotify:
		return true
	}
	return false
}

// ownVia is the value of our Via for t (RFC 3261 16.6 step 8).
func (r *request) ownVia(t *target) []byte {
	r.extra = append(r.extra[:0], r.snap.viaHead...)
	r.extra = r.s.keys.AppendBranch(r.extra, t.branch)
	if r.stateless {
		r.extra = append(r.extra, viaAlone...)
	} else {
		r.extra = append(r.extra, r.s.viaTail...)
	}
	r.extra = append(append(append(r.extra, ';'), hopParam...), '=')
	return r.s.keys.AppendHop(r.extra, t.branch.Tx, r.source.Remote)
}

// hopParam is the Via parameter that proves where the response goes from here.
const hopParam = "h"

// recordRoute is the value of our Record-Route for t: the cluster, and a token
// with what any pod needs to route within the dialog.
func (r *request) recordRoute(t *target) []byte {
	tok := &r.caller
	tok.CallerTag = token.HashTag(r.msg.FromTag())
	tok.Caller, tok.Callee = r.callerFlow(), t.held
	r.extra = append(r.extra[:0], r.snap.routeHead...)
	r.extra = r.s.keys.AppendToken(r.extra, tok, r.msg.CallID())
	return append(r.extra, r.snap.routeTail...)
}

// callerFlow is where requests to the caller go if not to its Contact: the
// source of its request, if that came straight from it and from another address
// than it believes to have (NAT).
func (r *request) callerFlow() flow.Flow {
	if r.msg.Has(wire.HeaderRecordRoute) || !r.translated() {
		return flow.Flow{}
	}
	return r.from
}

// translated reports whether the request came straight from a user agent whose
// Via names another address than its own: one behind NAT. The address alone
// decides: a port may differ because the agent listens on another one.
func (r *request) translated() bool {
	vias := 0
	for range r.msg.Values(wire.HeaderVia) {
		if vias++; vias > 1 {
			return false
		}
	}
	host, literal := wire.HostAddr(r.via.Host)
	if !literal {
		return isInvalid(r.via.Host)
	}
	return host.Unmap() != r.from.Remote.Addr()
}

// isInvalid reports whether a host name is of the domain that never resolves,
// as agents write it that cannot know their address (RFC 7118 5).
func isInvalid(host []byte) bool {
	var buf [256]byte
	return bytes.HasSuffix(wire.CanonicalHost(buf[:0], host), invalidDomain)
}

var invalidDomain = []byte(".invalid")

// dialogTarget finds the one target of a request within a dialog (RFC 3261
// 16.6 steps 6 and 7), and forwards it: the next Route, the flow that the token
// holds, or the Request-URI.
func (r *request) dialogTarget() {
	d := &r.decision
	t := target{}
	end := d.Token.Caller
	if d.ToCallee {
		end = d.Token.Callee
	}
	uri := r.msg.RequestURI()
	if d.RequestURI != nil {
		uri = d.RequestURI
	}
	if d.NextRoute != nil {
		uri = d.NextRoute
	}
	if d.NextRoute != nil && !d.Loose {
		t.strict = d.NextRoute
	}
	parsed, err := wire.ParseURI(uri)
	hasFlow := d.NextRoute == nil && end.IsValid()
	switch {
	case hasFlow && err == nil && (transport.OverUDP(&parsed) || parsed.Scheme == wire.SchemeTel):
		t.setFlow(end)
	case err != nil || !transport.OverUDP(&parsed):
		t.failed = true
	default:
		t.setDestination(&parsed)
	}
	r.targets = append(r.targets[:0], t)
	r.reach()
}
