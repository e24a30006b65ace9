package phones

import (
	"context"
	"fmt"

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

// making notes a call that the phone makes. What it returns is closed when the call
// is over.
func (p *Phone) making(callID string) <-chan struct{} {
	over := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made[callID] = over
	return over
}

// ended tells whether the phone made that call, which is over now.
func (p *Phone) ended(callID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	over, made := p.made[callID]
	if made {
		delete(p.made, callID)
		close(over)
	}
	return made
}

// CallAllBack calls every phone once from its neighbour, and the phone that was
// called hangs up. An outcome is good if both ends say that the call is over.
func (l *Load) CallAllBack(ctx context.Context) Outcome {
	return Each(ctx, len(l.Phones), func(ctx context.Context, i int) error {
		call, err := l.Phones[(i+1)%len(l.Phones)].Dial(ctx, l.Phones[i].User())
		if err != nil {
			return l.Phones[i].explain(err)
		}
		if err := l.Phones[i].HangUp(ctx, call.callID); err != nil {
			return fmt.Errorf("%s hangs up: %w", l.Phones[i].User(), err)
		}
		select {
		case <-call.Ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s was not told of the end: %w", call.p.User(), ctx.Err())
		}
	})
}
