package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// call is one that the application has been called in.
type call struct {
	key, id string
	invite  *sip.Request
	tag     string
	media   *mediaSocket
	over    chan struct{} // closed when it is
	acked   chan struct{} // closed by the ACK
	once    sync.Once

	mu   sync.Mutex
	cseq uint32
}

// T1 and T2 of RFC 3261 17.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

func (a *application) onInvite(req *sip.Request, tx sip.ServerTransaction) {
	if to := req.To(); to != nil {
		if _, within := to.Params.Get("tag"); within {
			a.onReInvite(req, tx)
			return
		}
	}
	if !a.ready() {
		a.respond(tx, a.response(req, 503, "Service Unavailable", ""))
		return
	}
	if req.Contact() == nil {
		a.respond(tx, a.response(req, 400, "No Contact", ""))
		return
	}
	c := a.add(req)
	if c == nil {
		a.respond(tx, a.response(req, 503, "Service Unavailable", ""))
		return
	}
	if a.o.ring > 0 && !a.rings(c, req, tx) {
		a.end(c)
		return
	}
	a.answer(c, req, tx)
}

// rings reports whether the caller has waited.
func (a *application) rings(c *call, req *sip.Request, tx sip.ServerTransaction) bool {
	cancelled := make(chan struct{})
	if !tx.OnCancel(func(*sip.Request) { close(cancelled) }) {
		return false
	}
	a.respond(tx, a.response(req, 180, "Ringing", c.tag))
	timer := time.NewTimer(a.o.ring)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-cancelled:
		return false
	case <-tx.Done():
		return false
	}
}

// answer sends the 200, and again until the ACK comes (RFC 3261 13.3.1.4).
func (a *application) answer(c *call, req *sip.Request, tx sip.ServerTransaction) {
	ok := a.response(req, 200, "OK", c.tag)
	if err := a.describe(c, ok); err != nil {
		a.log.Warn("there is no media", "call", c.id, "error", err)
	}
	if err := tx.Respond(ok); err != nil {
		a.end(c)
		return
	}
	a.answered.Add(1)
	go func() {
		defer c.closeMedia()
		if !c.awaitAck(func() { _ = tx.Respond(ok) }) {
			a.log.Warn("no ACK", "call", c.id)
			a.hangUp(c)
			return
		}
		a.pokeWhile(c)
	}()
}

// awaitAck repeats until the ACK is there, the call over or 64*T1, and reports whether
// one of the first two was.
func (c *call) awaitAck(again func()) bool {
	deadline := time.NewTimer(64 * t1)
	defer deadline.Stop()
	for wait := t1; ; wait = min(2*wait, t2) {
		timer := time.NewTimer(wait)
		select {
		case <-c.acked:
		case <-c.over:
		case <-deadline.C:
			timer.Stop()
			return false
		case <-timer.C:
			again()
			continue
		}
		timer.Stop()
		return true
	}
}

// pokeWhile sends an OPTIONS within the call, that often, while it lasts.
func (a *application) pokeWhile(c *call) {
	if a.o.poke <= 0 {
		<-c.over
		return
	}
	ticker := time.NewTicker(a.o.poke)
	defer ticker.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-ticker.C:
			a.pokeOnce(c)
		}
	}
}

// pokeLimit is Timer F (RFC 3261 17.1.2.2).
const pokeLimit = 64 * t1

func (a *application) pokeOnce(c *call) {
	ctx, cancel := context.WithTimeout(context.Background(), pokeLimit)
	defer cancel()
	a.pokes.Add(1)
	res, err := a.within(ctx, c, sip.OPTIONS)
	switch {
	case err != nil:
		a.log.Warn("a request within the call was not answered", "call", c.id, "error", err)
	case res.StatusCode == sip.StatusCallTransactionDoesNotExists || res.StatusCode == sip.StatusRequestTimeout: // RFC 3261 12.2.1.2
		a.end(c)
		fallthrough
	default:
		a.pokesAnswered.Add(1)
	}
}

var errNoContact = errors.New("the caller gave no Contact")

// within sends a request within the call by the proxy beside, and returns its final
// response.
func (a *application) within(ctx context.Context, c *call, method sip.RequestMethod) (*sip.Response, error) {
	c.mu.Lock()
	invite := c.invite
	c.cseq++
	n := c.cseq
	c.mu.Unlock()
	contact := invite.Contact()
	if contact == nil {
		return nil, errNoContact
	}
	req := sip.NewRequest(method, contact.Address)
	from := invite.To().AsFrom()
	from.Params = sip.NewParams()
	from.Params.Add("tag", c.tag)
	to := invite.From().AsTo()
	hops := sip.MaxForwardsHeader(70)
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	req.AppendHeader(sip.NewHeader("Call-ID", c.id))
	req.AppendHeader(&sip.CSeqHeader{SeqNo: n, MethodName: method})
	req.AppendHeader(&hops)
	for _, route := range invite.GetHeaders("Record-Route") {
		req.AppendHeader(sip.NewHeader("Route", route.Value()))
	}
	req.AppendHeader(sip.HeaderClone(&a.contact))
	req.SetBody(nil)
	req.SetTransport(invite.Transport())
	req.SetDestination(a.o.proxy)
	return a.client.Do(ctx, req)
}

func (a *application) respond(tx sip.ServerTransaction, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		a.log.Debug("a response was not sent", "error", err)
	}
}
