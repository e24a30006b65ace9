package main

import (
	"github.com/emiago/sipgo/sip"
)

// response is one of this application's.
func (a *application) response(req *sip.Request, status int, reason, tag string) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, reason, nil)
	if to := res.To(); to != nil && tag != "" {
		if _, has := to.Params.Get("tag"); !has {
			to.Params.Add("tag", tag)
		}
	}
	res.AppendHeader(sip.HeaderClone(&a.contact))
	res.AppendHeader(sip.NewHeader("X-Application", a.o.name))
	if status == 503 {
		res.AppendHeader(sip.NewHeader("Retry-After", "1"))
	}
	return res
}

// onOptions says whether calls are taken: the proxy asks so.
func (a *application) onOptions(req *sip.Request, tx sip.ServerTransaction) {
	if c := a.find(req); c != nil || a.ready() {
		a.respond(tx, a.response(req, 200, "OK", sip.GenerateTagN(12)))
		return
	}
	a.respond(tx, a.response(req, 503, "Service Unavailable", sip.GenerateTagN(12)))
}

// onReInvite answers one within a call at once: a repeated offer is answered as the
// first one was.
func (a *application) onReInvite(req *sip.Request, tx sip.ServerTransaction) {
	c := a.find(req)
	if c == nil {
		a.respond(tx, a.response(req, 481, "Call/Transaction Does Not Exist", ""))
		return
	}
	ok := a.response(req, 200, "OK", c.tag)
	if err := a.describe(c, ok); err != nil {
		a.log.Warn("there is no media", "call", c.id, "error", err)
	}
	a.respond(tx, ok)
}

func (a *application) onAck(req *sip.Request, _ sip.ServerTransaction) {
	if c := a.find(req); c != nil {
		c.once.Do(func() { close(c.acked) })
	}
}

func (a *application) onBye(req *sip.Request, tx sip.ServerTransaction) {
	c := a.find(req)
	if c == nil {
		a.respond(tx, a.response(req, 481, "Call/Transaction Does Not Exist", ""))
		return
	}
	a.end(c) // before the answer: what comes after that finds no call
	a.respond(tx, a.response(req, 200, "OK", c.tag))
}

// onOther answers what else comes within a call.
func (a *application) onOther(req *sip.Request, tx sip.ServerTransaction) {
	switch c := a.find(req); {
	case c != nil:
		a.respond(tx, a.response(req, 200, "OK", c.tag))
	case req.Method == sip.INFO || req.Method == sip.UPDATE || req.Method == sip.NOTIFY || req.Method == sip.REFER:
		a.respond(tx, a.response(req, 481, "Call/Transaction Does Not Exist", ""))
	default:
		a.respond(tx, a.response(req, 405, "Method Not Allowed", sip.GenerateTagN(12)))
	}
}
