package phones

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Register binds the phone's contact for that many seconds; 0 removes it. An
// answer other than 200 is an error that names it. A phone with a connection registers
// again, by itself, over each further one.
func (p *Phone) Register(ctx context.Context, expires int) error {
	if err := p.announce(ctx, expires, false); err != nil {
		return err
	}
	p.expires.Store(int64(expires))
	if p.line == nil && p.cfg.KeepAlive > 0 {
		p.keeping.Do(func() { go p.keepTranslated() })
	}
	return nil
}

// announce registers, over the connection that there is if it is once.
func (p *Phone) announce(ctx context.Context, expires int, once bool) error {
	r := p.registration(fmt.Sprint("Expires: ", expires))
	r.contact = p.binding
	if p.cfg.Outbound {
		r.headers = append(r.headers, "Supported: path, outbound")
	}
	r.unrepeated = once
	res, err := p.register(ctx, r)
	if err != nil {
		return err
	}
	if expires > 0 && !p.listed(res) {
		return fmt.Errorf("REGISTER %s: the 200 does not list its contact", p.cfg.User)
	}
	if r.link != nil {
		p.line.register(r.link)
	}
	return nil
}

// again registers over a connection that followed another.
func (p *Phone) again(k *link) {
	expires := int(p.expires.Load())
	if expires == 0 {
		p.line.register(k)
		return
	}
	for !k.lost() {
		ctx, cancel := context.WithTimeout(context.Background(), AnswerLimit)
		err := p.announce(ctx, expires, true)
		cancel()
		if err == nil {
			p.back.Store(time.Now().UnixNano())
			return
		}
		if !p.line.wait(p.cfg.Reconnect) {
			return
		}
	}
}

// Reconnected tells how many connections of the phone have ended, and when it registered
// over a further one last.
func (p *Phone) Reconnected() (ended int, back time.Time) {
	if p.line == nil {
		return 0, time.Time{}
	}
	if at := p.back.Load(); at != 0 {
		back = time.Unix(0, at)
	}
	return p.line.ended(), back
}

// away is how long it may be before the phone is there again, beside what others take.
func (p *Phone) away() time.Duration {
	if p.line == nil {
		return 0
	}
	return p.cfg.Reconnect
}

// Bindings asks, without changing anything, for the contacts that are bound to the
// phone's address-of-record.
func (p *Phone) Bindings(ctx context.Context) (contacts []string, err error) {
	res, err := p.register(ctx, p.registration())
	if err != nil {
		return nil, err
	}
	for _, h := range res.GetHeaders("Contact") {
		contacts = append(contacts, h.Value())
	}
	return contacts, nil
}

// Registered asks, without changing anything, whether the registrar holds the
// phone's binding (RFC 3261 10.2.3).
func (p *Phone) Registered(ctx context.Context) (bool, error) {
	res, err := p.register(ctx, p.registration())
	if err != nil {
		return false, err
	}
	return p.listed(res), nil
}

func (p *Phone) registration(headers ...string) *request {
	next := func() uint32 { return p.cseq.Add(1) }
	return &request{
		method: "REGISTER", uri: "sip:" + p.cfg.Domain,
		from: fmt.Sprintf("<%s>;tag=%s", p.AOR(), sip.GenerateTagN(12)), to: "<" + p.AOR() + ">",
		callID: p.callID, cseq: next(), next: next, headers: headers,
	}
}

func (p *Phone) register(ctx context.Context, r *request) (*sip.Response, error) {
	res, err := p.do(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("REGISTER %s: %w", p.cfg.User, err)
	}
	if res.StatusCode != sip.StatusOK {
		return nil, refused("REGISTER "+p.cfg.User, res)
	}
	return res, nil
}

// listed tells whether a 200 to REGISTER names the phone in a Contact.
func (p *Phone) listed(res *sip.Response) bool {
	for _, h := range res.GetHeaders("Contact") {
		if strings.Contains(h.Value(), p.cfg.User+"@"+p.host()) {
			return true
		}
	}
	return false
}
