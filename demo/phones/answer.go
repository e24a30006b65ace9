package phones

import (
	"fmt"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// answer is a call that the phone was called in.
type answer struct {
	tag   string
	acked chan struct{} // closed by the first ACK
	once  sync.Once
	call  *Call // from this end, to hang up
}

// onInvite rings and answers. A re-INVITE of a call in progress is answered
// at once.
func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	id := req.CallID().Value()
	if req.Contact() == nil || req.From() == nil {
		_ = tx.Respond(p.response(req, 400, "No Contact Or From", ""))
		return
	}
	p.mu.Lock()
	a, known := p.calls[id]
	if !known {
		a = &answer{tag: sip.GenerateTagN(12), acked: make(chan struct{})}
		a.call = p.called(req, a.tag)
		p.calls[id] = a
	}
	p.mu.Unlock()
	if !known && p.cfg.Ring > 0 {
		_ = tx.Respond(p.response(req, 180, "Ringing", a.tag))
		if !p.ring(tx) {
			p.forget(id)
			return // cancelled while ringing
		}
	}
	if !known {
		p.Answered.Add(1) // before the BYE can come
	}
	if p.accept(req, tx, a) != nil && !known {
		p.Answered.Add(-1)
	}
}

// ring waits as long as it rings, and reports whether it was not cancelled.
func (p *Phone) ring(tx sip.ServerTransaction) bool {
	p.Ringing.Add(1)
	defer p.Ringing.Add(-1)
	timer := time.NewTimer(p.cfg.Ring)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-tx.Done():
		return false
	}
}

// accept sends the 200 and sends it again until the ACK comes (RFC 3261
// 13.3.1.4): no transaction does that for it.
func (p *Phone) accept(req *sip.Request, tx sip.ServerTransaction, a *answer) error {
	ok := p.response(req, 200, "OK", a.tag)
	if err := tx.Respond(ok); err != nil {
		return err
	}
	go func() {
		for wait := t1; wait < 64*t1; wait = min(2*wait, wait+t2) {
			timer := time.NewTimer(wait)
			select {
			case <-a.acked:
			case <-p.served:
			case <-timer.C:
				if tx.Respond(ok) == nil {
					continue
				}
			}
			timer.Stop()
			return
		}
	}()
	return nil
}

// T1 and T2 of RFC 3261 17.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

func (p *Phone) onAck(req *sip.Request, _ sip.ServerTransaction) {
	p.mu.Lock()
	a := p.calls[req.CallID().Value()]
	p.mu.Unlock()
	if a != nil {
		a.once.Do(func() { close(a.acked) })
	}
}

func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	if id := req.CallID().Value(); p.forget(id) || p.ended(id) {
		p.Hungup.Add(1)
		_ = tx.Respond(answerTo(req, 200, "OK", nil))
		return
	}
	_ = tx.Respond(answerTo(req, 481, "Call/Transaction Does Not Exist", nil))
}

func (p *Phone) forget(id string) bool {
	p.mu.Lock()
	a, known := p.calls[id]
	delete(p.calls, id)
	p.mu.Unlock()
	if known {
		a.once.Do(func() { close(a.acked) })
	}
	return known
}

// answerTo is a response that goes to where the request came from. Left to itself,
// sipgo writes an IPv6 address and a port as one.
func answerTo(req *sip.Request, status int, reason string, body []byte) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, body)
	res.SetDestination(req.Source())
	return res
}

// response is one of a dialog: the same tag on all (RFC 3261 12.1.1).
func (p *Phone) response(req *sip.Request, status int, reason, tag string) *sip.Response {
	var body []byte
	if status == 200 {
		body = []byte(offer)
	}
	res := answerTo(req, status, reason, body)
	if to := res.To(); to != nil && !req.To().Params.Has("tag") {
		to.Params.Remove("tag")
		to.Params.Add("tag", tag)
	}
	res.AppendHeader(sip.NewHeader("Contact", fmt.Sprintf("<%s>", p.Contact())))
	if body != nil {
		res.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	}
	return res
}
