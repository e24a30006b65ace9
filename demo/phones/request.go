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
	proof                         []string // header lines that say who sends it
	body                          string
	// sent is what was sent last.
	sent string
	// next is the CSeq of the same request with credentials; nil for the next number.
	next func() uint32
}

// build makes sipgo's request of it, with a Via of the phone's socket.
func (p *Phone) build(r request) (*sip.Request, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", r.method, r.uri)
	fmt.Fprintf(&b, "Via: SIP/2.0/UDP %s;rport;branch=%s\r\n", p.local, sip.GenerateBranch())
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n", r.from, r.to, r.callID, r.cseq, r.method)
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
	req.SetTransport("UDP")
	req.SetDestination(cmp.Or(r.via, p.proxy()))
	req.Laddr = sip.Addr{IP: p.local.Addr().AsSlice(), Port: int(p.local.Port())}
	return req, nil
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
		if err != nil || !attempt.Again(p.credentials, res.StatusCode, r.method, challenges(res)) {
			return res, err
		}
		if r.cseq++; r.next != nil {
			r.cseq = r.next()
		}
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
	return final(ctx, tx)
}

func final(ctx context.Context, tx sip.ClientTransaction) (*sip.Response, error) {
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
			last = fmt.Sprintf("%d after %v", res.StatusCode, time.Since(began).Round(time.Millisecond))
		case <-tx.Done():
			if err := tx.Err(); err != nil {
				return nil, err
			}
			return nil, errors.New("transaction ended without a final response")
		case <-ctx.Done():
			return nil, fmt.Errorf("no final response, only %s: %w", last, ctx.Err())
		}
	}
}
