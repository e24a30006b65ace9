package phones

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// request is what a phone sends, as text: what is sent is what is written here.
type request struct {
	method, uri, from, to, callID string
	via                           string // where it goes; empty for the proxy
	cseq                          uint32
	headers                       []string
	contact                       func() string // the header line of where it comes from; nil for none
	proof                         []string      // header lines that say who sends it
	body                          string
	// sent is what was sent last.
	sent string
	// next is the CSeq of the same request with credentials; nil for the next number.
	next func() uint32
	// link is the connection that it was sent over last, if it was; unrepeated has it not
	// be sent over another.
	link       *link
	unrepeated bool
	// queued: somebody said that it waits for who is called (182).
	queued bool
}

// renew makes it the next request.
func (r *request) renew() {
	if r.cseq++; r.next != nil {
		r.cseq = r.next()
	}
}

// build makes sipgo's request of it, with a Via of the phone's socket.
func (p *Phone) build(r request) (*sip.Request, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", r.method, r.uri)
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s;rport;branch=%s\r\n", p.cfg.Transport, p.host(), sip.GenerateBranch())
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n", r.from, r.to, r.callID, r.cseq, r.method)
	if r.contact != nil {
		b.WriteString(r.contact() + "\r\n")
	}
	for _, h := range slices.Concat(r.headers, r.proof) {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	msg, err := sip.ParseMessage([]byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", r.method, err)
	}
	req, ok := msg.(*sip.Request)
	if !ok {
		return nil, fmt.Errorf("build %s: not a request", r.method)
	}
	local := p.socket()
	req.SetTransport(p.network())
	req.SetDestination(p.destination(r.via))
	req.Laddr = sip.Addr{IP: local.Addr().AsSlice(), Port: int(local.Port())}
	return req, nil
}

// destination is where a request goes: over the connection if there is one.
func (p *Phone) destination(via string) string {
	if p.line != nil {
		return p.line.remote.String()
	}
	return cmp.Or(via, p.proxy())
}

// asBuilt keeps sipgo from adding headers of its own.
func asBuilt(*sipgo.Client, *sip.Request) error { return nil }

// do sends the request, again with credentials where that is asked for, and returns the
// final response. r is what was sent last.
func (p *Phone) do(ctx context.Context, r *request) (*sip.Response, error) {
	for attempt := (Attempt{}); ; {
		if p.credentials != nil {
			r.proof = p.credentials.Lines(r.method, r.uri)
		}
		res, err := p.once(ctx, r)
		p.record(r)
		if err != nil && r.link != nil && r.link.lost() && !r.unrepeated && ctx.Err() == nil && !p.gone.Load() {
			r.renew()
			continue
		}
		if err != nil || !attempt.Again(p.credentials, res.StatusCode, r.method, challenges(res)) {
			return res, err
		}
		r.renew()
	}
}

// challenges are the values of a response's challenges.
func challenges(res *sip.Response) (values []string) {
	for _, h := range res.GetHeaders(ChallengeHeader(res.StatusCode)) {
		values = append(values, h.Value())
	}
	return values
}

// once sends the request as it is.
func (p *Phone) once(ctx context.Context, r *request) (*sip.Response, error) {
	if p.gone.Load() {
		return nil, net.ErrClosed // sipgo would open the socket again
	}
	var over <-chan struct{}
	if p.line != nil {
		k, err := p.line.ready(ctx, r.method != "REGISTER" && p.expires.Load() > 0)
		if err != nil {
			return nil, fmt.Errorf("no connection: %w", err)
		}
		r.link, over = k, k.over
	}
	req, err := p.build(*r)
	if err != nil {
		return nil, err
	}
	r.sent = req.String()
	tx, err := p.client.TransactionRequest(ctx, req, asBuilt)
	if err != nil {
		return nil, err
	}
	defer tx.Terminate()
	return r.final(ctx, tx, over)
}

// final waits for the final response, as long as the connection is there.
func (r *request) final(ctx context.Context, tx sip.ClientTransaction, over <-chan struct{}) (*sip.Response, error) {
	began, last := time.Now(), "nothing"
	for {
		select {
		case res := <-tx.Responses():
			if res == nil {
				continue
			}
			if !res.IsProvisional() {
				return res, nil
			}
			r.queued = r.queued || res.StatusCode == sip.StatusQueued
			last = fmt.Sprintf("%d after %v", res.StatusCode, time.Since(began).Round(time.Millisecond))
		case <-tx.Done():
			if err := tx.Err(); err != nil {
				return nil, err
			}
			return nil, errors.New("transaction ended without a final response")
		case <-over:
			return nil, fmt.Errorf("no final response, only %s: %w", last, errLost)
		case <-ctx.Done():
			return nil, fmt.Errorf("no final response, only %s: %w", last, ctx.Err())
		}
	}
}
