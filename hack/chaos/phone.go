package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// phone is one address-of-record. It does one thing at a time.
type phone struct {
	number int
	seed   uint64
	at     netip.AddrPort // where its contacts lead

	busy sync.Mutex
	cseq int
	old  sentREGISTER // the last but one: late when it comes again

	mu   sync.Mutex // of the book
	book *book
	last sentREGISTER
}

// sentREGISTER is a request as it was sent.
type sentREGISTER struct {
	r  request
	at time.Time
}

// The things that phones do with a registration.
const (
	refresh    = "refresh"
	change     = "change"
	unregister = "unregister"
	clearAll   = "clear" // Contact: *
	fetch      = "fetch"
)

// expires is what phones ask for: longer than a run, so that nothing expires.
const expires = 3600

// build makes the next REGISTER (RFC 3261 10.2) and tells to which version it
// leads. All that may be there and is not that version is removed by it.
func (p *phone) build(what string) (r request, version int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cseq++
	r = request{
		method: "REGISTER", uri: "sip:" + domain, to: "<" + aor(p.number) + ">", from: "<" + aor(p.number) + ">;tag=r",
		callID: fmt.Sprintf("p%d-%d@chaos", p.number, p.seed), cseq: p.cseq, branch: fmt.Sprintf("z9hG4bKr%dx%d", p.number, p.cseq),
	}
	version = p.book.current()
	switch {
	case what == fetch:
		return r, version
	case what == clearAll:
		r.more = []string{"Contact: *", "Expires: 0"}
		return r, none
	case what == unregister:
		version = none
	case what == change, version == none:
		version = p.book.next()
	}
	gone := slices.DeleteFunc(p.book.possible(), func(v int) bool { return v == version })
	var contacts []string
	if version != none {
		contacts = append(contacts, fmt.Sprintf("<%s>;expires=%d", contactURI(p.number, version, p.at), expires))
	}
	for _, v := range gone {
		contacts = append(contacts, fmt.Sprintf("<%s>;expires=0", contactURI(p.number, v, p.at)))
	}
	if len(contacts) > 0 {
		r.more = []string{"Contact: " + strings.Join(contacts, ", ")}
	}
	return r, version
}

// begin notes that the request is sent.
func (p *phone) begin(r request, version int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.book.begin(version, now)
	p.old, p.last = p.last, sentREGISTER{r, now}
}

// ack notes that the last one was acknowledged.
func (p *phone) ack(now time.Time) {
	p.mu.Lock()
	p.book.ack(now)
	p.mu.Unlock()
}

// wanted are the versions that may be listed now.
func (p *phone) wanted(t0, t1 time.Time) (out []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for v := none; v <= p.book.last; v++ {
		if p.book.allows(v, t0, t1) {
			out = append(out, v)
		}
	}
	return out
}

// allows is the book's.
func (p *phone) allows(version int, t0, t1 time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.book.allows(version, t0, t1)
}

func (p *phone) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("p%d (%s)", p.number, p.book)
}

// registrations is the phones' part of the load.
type registrations struct {
	asker *asker
	tally *tally
}

// retries is how often a request is made anew, where all that were asked were
// disturbed.
const retries = 3

// register does one thing with a phone's registration and judges what comes of
// it. The phone is busy meanwhile.
func (g *registrations) register(ctx context.Context, p *phone, what string) {
	kind := g.tally.begin(true)
	for try := 1; ; try++ {
		r, version := p.build(what)
		if what != fetch {
			p.begin(r, version, time.Now())
		}
		a := g.asker.ask(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if a.final == nil && a.excused && try < retries {
			continue
		}
		g.judge(p, what, version, kind, a)
		return
	}
}

func (g *registrations) judge(p *phone, what string, version int, kind string, a *asked) {
	if a.code() != 200 {
		g.tally.report(kind, unanswered, "REGISTER to %s of %s: %s", what, p, a)
		return
	}
	g.tally.took(kind, a.at.Sub(a.began))
	wanted := []int{version}
	if what == fetch {
		wanted = p.wanted(a.began, a.at)
	} else {
		p.ack(a.at)
	}
	if found := compare(a.final.listed(), wanted); found != fine {
		g.tally.report(kind, found, "the 200 to the REGISTER (%s) of %s lists %v, not %v: %s", what, p, a.final.listed(), wanted, a)
	}
}

// Bounds of a REGISTER that comes late: no datagram lives for longer than MSL,
// and protection against one lasts for no less.
const (
	lateAtMost  = 25 * time.Second
	lateLooking = time.Second
)

// replay sends the last but one REGISTER of the phone again, as a datagram that
// was under way all the time. It must change nothing.
func (g *registrations) replay(ctx context.Context, p *phone) {
	if p.old.at.IsZero() || time.Since(p.old.at) > lateAtMost {
		return
	}
	kind := g.tally.begin(true)
	r := p.old.r
	r.via = g.asker.agent.address
	answers := g.asker.agent.expect(r.branch)
	defer g.asker.agent.forget(r.branch)
	t0, to := time.Now(), g.asker.members.anyUp()
	g.asker.agent.send(bytes.Clone(r.bytes()), to.address)
	select {
	case <-time.After(lateLooking):
	case <-ctx.Done():
	case x := <-answers:
		wanted := p.wanted(t0, x.at)
		if x.m.code() != 200 {
			return
		}
		if found := compare(x.m.listed(), wanted); found != fine {
			g.tally.report(kind, stale, "%s took a REGISTER at %s that is older (CSeq %d of %s) than what it had acknowledged to %s: it lists %v, not %v",
				to.name, clock(x.at), r.cseq, clock(p.old.at), p, x.m.listed(), wanted)
		}
	}
}
