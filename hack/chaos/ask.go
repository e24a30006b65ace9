package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The retransmission intervals of RFC 3261 17.1.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// attentive is how long a member that nothing befalls has at least to answer,
// before its silence counts.
const attentive = 2 * time.Second

// asked is what came of one request.
type asked struct {
	began time.Time
	// final is what counts as the answer; nil when there was none.
	final *message
	at    time.Time // of the final answer, or of giving up
	by    string    // the member that answered
	// excused: nobody was asked who lived undisturbed.
	excused bool
	trace   []string
}

func (a *asked) note(at time.Time, format string, args ...any) {
	a.trace = append(a.trace, clock(at)+" "+fmt.Sprintf(format, args...))
}

func (a *asked) code() int {
	if a.final == nil {
		return 0
	}
	return a.final.code()
}

func (a *asked) String() string { return strings.Join(a.trace, ", ") }

// asker sends requests through members, repeating each at another.
type asker struct {
	agent    *agent
	members  *members
	patience time.Duration
}

// ask sends the request until there is a final answer or patience ends. Failures
// of a member that was disturbed meanwhile are no answers.
func (k *asker) ask(ctx context.Context, r request) *asked {
	r.via = k.agent.address
	text := r.bytes()
	answers := k.agent.expect(r.branch)
	defer k.agent.forget(r.branch)
	a := &asked{began: time.Now()}
	end := time.NewTimer(k.patience)
	defer end.Stop()
	var sent []transmission
	repeat, interval := time.NewTimer(0), t1
	defer repeat.Stop()
	for {
		select {
		case <-repeat.C:
			t := transmission{at: time.Now()}
			if len(sent) == 0 {
				t.target = k.members.anyUp()
			} else {
				t.target = k.members.another(lastOf(sent))
			}
			sent = append(sent, t)
			a.note(t.at, "to %s", t.name)
			k.agent.send(text, t.address)
			repeat.Reset(interval)
			interval = nextInterval(interval, r.method)
		case x := <-answers:
			if x.m.code() < 200 {
				if r.method == "INVITE" {
					repeat.Stop() // RFC 3261 17.1.1.2
				}
				continue
			}
			if k.counts(a, sent, x) {
				return a
			}
		case <-end.C:
			a.at, a.excused = time.Now(), !k.owed(sent)
			a.note(a.at, "no answer")
			return a
		case <-ctx.Done():
			a.at, a.excused = time.Now(), true
			return a
		}
	}
}

// transmission is one copy of a request.
type transmission struct {
	target
	at time.Time
}

// lastOf are the last few targets: not to be tried again at once.
func lastOf(sent []transmission) []target {
	var out []target
	for _, s := range sent[max(0, len(sent)-3):] {
		out = append(out, s.target)
	}
	return out
}

// nextInterval doubles: without a bound for INVITE (Timer A), up to T2 else
// (Timer E).
func nextInterval(d time.Duration, method string) time.Duration {
	if method == "INVITE" {
		return 2 * d
	}
	return min(2*d, t2)
}

// counts takes a final answer, and tells whether it counts.
func (k *asker) counts(a *asked, sent []transmission, x answer) bool {
	i, known := k.members.at(x.from)
	code := x.m.code()
	name := x.from.String()
	if known {
		name = k.members.list[i].name
	}
	a.note(x.at, "%d from %s", code, name)
	if failure(code) && !k.owes(sent, i) {
		return false
	}
	a.final, a.at, a.by = x.m, x.at, name
	return true
}

// failure is an answer that says nothing of the address-of-record.
func failure(code int) bool { return code >= 500 || code == 408 }

// owes tells whether that member was asked, and lived undisturbed since.
func (k *asker) owes(sent []transmission, member int) bool {
	for _, s := range sent {
		if s.index == member && k.members.undisturbed(s.target) {
			return true
		}
	}
	return false
}

// owed tells whether anybody was asked who lived undisturbed for long enough.
func (k *asker) owed(sent []transmission) bool {
	now := time.Now()
	for _, s := range sent {
		if now.Sub(s.at) >= attentive && k.members.undisturbed(s.target) {
			return true
		}
	}
	return false
}
