package transaction

import "github.com/sipring/sipring/proxy/wire"

// outcome is what a client transaction has to say to the response context (RFC
// 3261 17.1: its TU).
type outcome uint8

const (
	nothing     outcome = iota
	provisional         // of an INVITE
	success             // a 2xx to INVITE, each that comes
	final               // the first final response, else
	unanswered          // no final response in time
	givenUp             // the same, of a branch that was cancelled
)

// wait makes the branch of a target.
func (b *Branch) wait(e *event, t *Target, method wire.Method) {
	*b = Branch{target: *t, request: e.pool.keep(t.Bytes), method: method}
	b.target.Bytes = nil
	b.become(e, clientWaiting)
}

// start begins the client transaction (RFC 3261 17.1.1.2, 17.1.2.2).
func (b *Branch) start(e *event) {
	b.become(e, clientCalling)
	b.resendFrom(e)
	e.downstream(b, b.request)
}

// resendFrom starts Timer A or E.
func (b *Branch) resendFrom(e *event) {
	if !b.target.reliable() {
		b.resendEvery = e.t1
		b.resendAt = e.now + e.t1
	}
}

// receive takes a response.
func (b *Branch) receive(e *event, resp *wire.Message) outcome {
	method, status := resp.CSeqMethod(), resp.StatusCode()
	if b.state == clientWaiting { // another member has tried it
		b.become(e, clientCalling)
	}
	switch {
	case method == wire.MethodCancel && b.invite():
		if status >= 200 && b.cancel == cancelSent {
			b.cancel, b.resendAt = cancelAnswered, never
		}
	case method != b.method: // RFC 3261 17.1.3
	case b.invite() && status/100 == 2:
		return b.accepted(e, status)
	case status >= 200:
		return b.completed(e, resp)
	case b.pending():
		return b.proceeding(e, status)
	}
	return nothing
}

// proceeding takes a provisional response.
func (b *Branch) proceeding(e *event, status int) outcome {
	b.status = uint16(status)
	if b.state == clientCalling {
		b.become(e, clientProceeding)
	}
	if !b.invite() {
		return nothing // RFC 4320 4.1: nothing but 100 may go upstream
	}
	if status > 100 && b.cancel == cancelNone {
		b.timerC = e.now + e.c
	}
	return provisional
}

// accepted takes a 2xx to INVITE (RFC 6026 7.2).
func (b *Branch) accepted(e *event, status int) outcome {
	if b.pending() {
		b.status = uint16(status)
		b.become(e, clientAccepted)
	}
	return success
}

// completed takes a final response, other than a 2xx to INVITE.
func (b *Branch) completed(e *event, resp *wire.Message) outcome {
	if !b.pending() {
		if b.invite() && b.state == clientCompleted {
			e.stats.Resent++
			e.downstream(b, b.request) // the ACK
		}
		return nothing
	}
	b.status = uint16(resp.StatusCode())
	var ack []byte
	if b.invite() {
		ack = e.buildAck(b, resp)
		e.downstream(b, ack)
	}
	e.pool.release(&b.request)
	b.request = ack
	b.become(e, clientCompleted)
	return final
}

// resend fires Timer A or E (RFC 3261 17.1.1.2, 17.1.2.2), or E of the CANCEL.
func (b *Branch) resend(e *event, reason []byte) {
	e.stats.Resent++
	b.repeated = b.repeated || b.state == clientCalling
	switch {
	case b.cancel == cancelSent:
		e.downstream(b, e.buildCancel(b, reason))
		b.resendEvery = min(2*b.resendEvery, e.t2)
	case b.invite():
		e.downstream(b, b.request)
		b.resendEvery *= 2
	case b.state == clientProceeding:
		e.downstream(b, b.request)
		b.resendEvery = e.t2
	default:
		e.downstream(b, b.request)
		b.resendEvery = min(2*b.resendEvery, e.t2)
	}
	b.resendAt = e.now + b.resendEvery
}

// limit fires Timer B, D, F, K or M, or gives up a branch that was cancelled and has
// not answered the INVITE (RFC 3261 9.1).
func (b *Branch) limit(e *event) outcome {
	pending, cancelled := b.pending(), b.cancel >= cancelSent
	b.become(e, clientTerminated)
	switch {
	case !pending:
		return nothing
	case cancelled: // Timer C has counted it, or nobody waits for it
		return givenUp
	}
	e.stats.TimedOut++
	return unanswered
}

// ringTimeout fires Timer C (RFC 3261 16.8).
func (b *Branch) ringTimeout(e *event, reason []byte) {
	b.timerC = never
	if b.state == clientCalling || b.gone {
		b.limitAt = e.now // as if Timer B had fired
		return
	}
	e.stats.TimedOut++
	b.sendCancel(e, reason)
}

// cancelOrWait cancels an INVITE that has had no final response: now, or once it has
// had a provisional one (RFC 3261 9.1), by this flow or the one before.
func (b *Branch) cancelOrWait(e *event, reason []byte) {
	switch {
	case b.cancel != cancelNone:
	case b.state == clientCalling && !b.rang:
		b.cancel = cancelWanted
	case b.state == clientCalling || b.state == clientProceeding:
		b.sendCancel(e, reason)
	}
}

// sendCancel sends a CANCEL to a branch that has answered provisionally, and
// bounds the time it has for a final response (RFC 3261 9.1).
func (b *Branch) sendCancel(e *event, reason []byte) {
	b.cancel, b.timerC = cancelSent, never
	b.limitAt = e.now + e.timeout
	b.resendFrom(e)
	e.downstream(b, e.buildCancel(b, reason))
}
