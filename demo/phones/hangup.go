package phones

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/emiago/sipgo/sip"
)

// called is the call that an INVITE begins, from the end that it calls (RFC 3261
// 12.1.1).
func (p *Phone) called(invite *sip.Request, tag string) *Call {
	to := invite.To()
	return &Call{
		p: p, callID: invite.CallID().Value(), target: invite.Contact().Address.String(), routes: recordRoutes(invite),
		from: fmt.Sprintf("<%s>;tag=%s", to.Address.String(), tag), to: invite.From().Value(),
		RemoteUserPart: invite.From().Address.User,
	}
}

// Calls are the Call-IDs of those that the phone was called in and that are up.
func (p *Phone) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.calls))
}

// HangUp ends a call that the phone was called in; nil when the other end answered
// 200.
func (p *Phone) HangUp(ctx context.Context, callID string) error {
	p.mu.Lock()
	a := p.calls[callID]
	p.mu.Unlock()
	if a == nil {
		return fmt.Errorf("%s is in no call %s", p.cfg.User, callID)
	}
	select {
	case <-a.acked: // no BYE before the ACK (RFC 3261 15)
	case <-ctx.Done():
		return fmt.Errorf("no ACK of call %s: %w", callID, ctx.Err())
	}
	defer p.forget(callID)
	return a.call.Bye(ctx)
}

// ByeTo is Bye of a call to another phone here. What that one answers may be lost with its
// connection, or the caller's, and the BYE be sent again; it knows nothing of the call then,
// which is over all the same (RFC 3261 15.1.1).
func (c *Call) ByeTo(ctx context.Context, callee *Phone) error {
	err := c.Bye(ctx)
	if Status(err) != sip.StatusCallTransactionDoesNotExists || slices.Contains(callee.Calls(), c.callID) {
		return err
	}
	c.p.ended(c.callID)
	return nil
}

// over reports whether the phone that made the call has been told of its end.
func (c *Call) over() bool {
	select {
	case <-c.Ended:
		return true
	default:
		return false
	}
}

// made is a call that the phone made.
type made struct {
	over chan struct{} // closed when it is
	ack  *sip.Request  // of the last INVITE
}

// making notes a call that the phone makes. What it returns is closed when the call
// is over.
func (p *Phone) making(callID string) <-chan struct{} {
	over := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made[callID] = &made{over: over}
	return over
}

// acknowledges notes the ACK of a call's last INVITE.
func (p *Phone) acknowledges(callID string, ack *sip.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.made[callID]; m != nil {
		m.ack = ack.Clone()
	}
}

// onResponse takes what belongs to no transaction. Whoever repeats a 2xx has not got
// the ACK, which is sent again (RFC 3261 13.2.2.4).
func (p *Phone) onResponse(res *sip.Response) {
	if res.CallID() == nil || res.CSeq() == nil || res.CSeq().MethodName != sip.INVITE || !res.IsSuccess() {
		return
	}
	p.mu.Lock()
	var ack *sip.Request
	if m := p.made[res.CallID().Value()]; m != nil && m.ack != nil && m.ack.CSeq().SeqNo == res.CSeq().SeqNo {
		ack = m.ack.Clone()
	}
	p.mu.Unlock()
	if ack != nil {
		_ = p.client.WriteRequest(ack, asBuilt) // lost like the first: it is asked for again
	}
}

// ended tells whether the phone made that call, which is over now.
func (p *Phone) ended(callID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.made[callID]
	if m == nil {
		return false
	}
	delete(p.made, callID)
	close(m.over)
	return true
}

// CallAllBack calls every phone once from its neighbour, and the phone that was
// called hangs up. An outcome is good if both ends say that the call is over.
func (l *Load) CallAllBack(ctx context.Context) Outcome {
	return Each(ctx, len(l.Phones), func(ctx context.Context, i int) error {
		call, err := l.Phones[(i+1)%len(l.Phones)].Dial(ctx, l.Phones[i].User())
		if err != nil {
			return l.Phones[i].explain(err)
		}
		return l.Phones[i].HangUpOn(ctx, call)
	})
}

// HangUpOn ends a call that another phone made to this one; nil if both ends say that it
// is over.
func (p *Phone) HangUpOn(ctx context.Context, call *Call) error {
	if err := p.HangUp(ctx, call.callID); err != nil && (Status(err) != sip.StatusCallTransactionDoesNotExists || !call.over()) {
		return fmt.Errorf("%s hangs up: %w", p.User(), err)
	}
	select {
	case <-call.Ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s was not told of the end: %w", call.p.User(), ctx.Err())
	}
}
