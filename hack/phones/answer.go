package phones

import (
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
)

// onInvite rings and answers. A re-INVITE of a call in progress is answered
// at once.
func (p *Phone) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	id := req.CallID().Value()
	p.mu.Lock()
	tag, known := p.calls[id]
	if !known {
		tag = sip.GenerateTagN(12)
		p.calls[id] = tag
	}
	p.mu.Unlock()
	if !known && p.cfg.Ring > 0 {
		_ = tx.Respond(p.response(req, 180, "Ringing", tag))
		timer := time.NewTimer(p.cfg.Ring)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-tx.Done():
			p.forget(id)
			return // cancelled while ringing
		}
	}
	if err := tx.Respond(p.response(req, 200, "OK", tag)); err == nil && !known {
		p.Answered.Add(1)
	}
}

func (p *Phone) onBye(req *sip.Request, tx sip.ServerTransaction) {
	if p.forget(req.CallID().Value()) {
		p.Hungup.Add(1)
		_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
		return
	}
	_ = tx.Respond(sip.NewResponseFromRequest(req, 481, "Call/Transaction Does Not Exist", nil))
}

func (p *Phone) forget(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, known := p.calls[id]
	delete(p.calls, id)
	return known
}

// response is one of a dialog: the same tag on all (RFC 3261 12.1.1).
func (p *Phone) response(req *sip.Request, status int, reason, tag string) *sip.Response {
	var body []byte
	if status == 200 {
		body = []byte(offer)
	}
	res := sip.NewResponseFromRequest(req, status, reason, body)
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
