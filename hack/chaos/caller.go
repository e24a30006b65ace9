package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lookups are the callers' part of the load: each asks for one address-of-record.
type lookups struct {
	asker *asker
	tally *tally

	mu     sync.Mutex
	number int
	open   map[string]*lookup // by Call-ID
}

// lookup is one attempt to reach somebody.
type lookup struct {
	phone *phone
	began time.Time
	kind  string
	found problem // reported already
}

// lookupMemory is how long a request may be on its way to the phone: a stopped
// member may hold one, and a retry.
const lookupMemory = time.Minute

// methods of lookups, in turn.
var methods = []string{"MESSAGE", "OPTIONS", "INVITE"}

func newLookups(k *asker, t *tally) *lookups {
	return &lookups{asker: k, tally: t, open: map[string]*lookup{}}
}

// look looks one phone up and judges what comes of it.
func (l *lookups) look(ctx context.Context, p *phone) {
	kind := l.tally.begin(false)
	for try := 1; ; try++ {
		r, x := l.begin(p, kind)
		a := l.asker.ask(ctx, r)
		time.AfterFunc(lookupMemory, func() { l.end(r.callID) })
		if ctx.Err() != nil {
			return
		}
		if a.final == nil && a.excused && try < retries {
			continue
		}
		l.judge(x, r, a)
		return
	}
}

// begin makes the next request.
func (l *lookups) begin(p *phone, kind string) (request, *lookup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	n := l.number
	r := request{
		method: methods[n%len(methods)], uri: aor(p.number), to: "<" + aor(p.number) + ">", from: fmt.Sprintf("<sip:caller@%s>;tag=c%d", domain, n),
		callID: fmt.Sprintf("look%d@chaos", n), cseq: 1, branch: fmt.Sprintf("z9hG4bKl%d", n),
	}
	x := &lookup{phone: p, began: time.Now(), kind: kind}
	l.open[r.callID] = x
	return r, x
}

func (l *lookups) end(callID string) {
	l.mu.Lock()
	delete(l.open, callID)
	l.mu.Unlock()
}

// judge takes the answer. Who was reached is judged where it arrives.
func (l *lookups) judge(x *lookup, r request, a *asked) {
	code := a.code()
	switch {
	case code == 404 || code == 480:
		if !x.phone.allows(none, x.began, a.at) {
			l.tally.report(x.kind, lost, "%s (%s) to %s: %s", r.method, r.callID, x.phone, a)
			return
		}
	case code != 200 && code != 486:
		l.tally.report(x.kind, unanswered, "%s (%s) to %s: %s", r.method, r.callID, x.phone, a)
		return
	}
	l.tally.took(x.kind, a.at.Sub(a.began))
}

// reached is told who a lookup reached, and through which member.
func (l *lookups) reached(callID string, number, version int, at time.Time, by string) {
	l.mu.Lock()
	x := l.open[callID]
	known := x == nil || x.found != fine
	bad := !known && (number != x.phone.number || !x.phone.allows(version, x.began, at))
	if bad {
		x.found = returned
	}
	l.mu.Unlock()
	if bad {
		l.tally.report(x.kind, returned, "%s, begun %s, reached p%d.v%d through %s at %s: %s", callID, clock(x.began), number, version, by, clock(at), x.phone)
	}
}
