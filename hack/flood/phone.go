package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// phone is well-behaved: it sends what RFC 3261 says, when it says so, to the
// proxy that it has, and answers calls.
type phone struct {
	user  string
	at    netip.AddrPort
	proxy netip.AddrPort
	conn  *net.UDPConn
	tally *tally

	callID string // of its REGISTERs (RFC 3261 10.2.4)
	cseq   int

	credentials *phones.Credentials // nil where nobody asks

	reading sync.WaitGroup
	calls   sync.WaitGroup
	closed  chan struct{}

	mu      sync.Mutex
	waiting map[string]chan *message // responses, by branch
	acks    map[string]chan struct{} // of calls that it answered, by Call-ID; closed by the ACK
	again   map[string][]byte        // ACKs that it sent, by Call-ID
}

// Timers of RFC 3261 17.1.1.1, and how long a phone's user waits.
const (
	t1       = 500 * time.Millisecond
	t2       = 4 * time.Second
	patience = 4 * time.Second
)

// The pace of a phone, and how long it talks.
const (
	registerEvery = time.Second
	callEvery     = 2 * time.Second
	talks         = 200 * time.Millisecond
)

// newPhone is a user's; it answers challenges with the password, if it has one.
func newPhone(user, password string, at netip.Addr, proxy netip.AddrPort, t *tally) (*phone, error) {
	conn, local, err := listen(netip.AddrPortFrom(at, 0))
	if err != nil {
		return nil, err
	}
	p := &phone{
		user: user, at: local, proxy: proxy, conn: conn, tally: t, closed: make(chan struct{}), callID: unique(),
		waiting: map[string]chan *message{}, acks: map[string]chan struct{}{}, again: map[string][]byte{},
	}
	if password != "" {
		p.credentials = phones.NewCredentials(user, password, "")
	}
	p.reading.Go(func() { receive(conn, p.take) })
	return p, nil
}

func (p *phone) close() {
	_ = p.conn.Close()
	p.reading.Wait()
	close(p.closed)
	p.calls.Wait()
}

// live registers and calls the neighbour until the context ends, and returns when
// what was begun is over. A REGISTER waits for the answer to the one before (RFC
// 3261 10.2), a call for nobody.
func (p *phone) live(ctx context.Context, neighbour string) {
	var begun sync.WaitGroup
	defer begun.Wait()
	begun.Go(func() {
		p.register()
		every(ctx, registerEvery, p.register)
	})
	every(ctx, callEvery, func() { begun.Go(func() { p.call(neighbour) }) })
}

func (p *phone) register() { p.note(p.bind()) }

// settle registers for the first time, which counts for nothing.
func (p *phone) settle() error { return p.bind().err }

// bind sends the next REGISTER.
func (p *phone) bind() asked {
	r := register(p.at, p.user, p.contact())
	r.callID, r.cseq = p.callID, p.cseq+1
	a := p.ask(r)
	p.cseq = a.request.cseq
	return a
}

func (p *phone) contact() string { return fmt.Sprintf("sip:%s@%s", p.user, p.at) }

// call calls, talks and hangs up.
func (p *phone) call(user string) {
	r := toUser("INVITE", p.at, user)
	r.callID, r.cseq, r.from = unique(), 1, fmt.Sprintf("<%s>;tag=%s", aor(p.user), unique())
	r.more = []string{"Contact: <" + p.contact() + ">"}
	a := p.ask(r)
	p.note(a)
	if r = a.request; a.err != nil {
		return
	}
	routes := a.final.all("record-route")
	slices.Reverse(routes)
	next := request{uri: between(a.final.get("contact")), from: r.from, to: a.final.get("to"), callID: r.callID, cseq: r.cseq, via: p.at}
	for _, route := range routes {
		next.more = append(next.more, "Route: "+route)
	}
	ack, bye := next, next
	ack.method, ack.proof = "ACK", r.proof // RFC 3261 13.2.2.4
	bye.method, bye.cseq = "BYE", r.cseq+1
	p.acknowledge(r.callID, ack.bytes())
	time.Sleep(talks)
	p.note(p.ask(bye))
}

// acknowledge sends the ACK, and again whenever the 200 comes again (RFC 3261
// 13.2.2.4).
func (p *phone) acknowledge(callID string, ack []byte) {
	p.mu.Lock()
	p.again[callID] = ack
	p.mu.Unlock()
	p.send(ack)
}

// asked is a request and what came of it.
type asked struct {
	request request // as it was sent last
	took    time.Duration
	final   *message
	err     error
}

func (p *phone) note(a asked) { p.tally.add(a.request.method, p.user, a.took, a.err) }

// ask sends a request, with credentials where that is asked for, and waits for a 2xx.
func (p *phone) ask(r request) asked {
	began := time.Now()
	for attempt := (phones.Attempt{}); ; r.cseq++ {
		if p.credentials != nil {
			r.proof = p.credentials.Lines(r.method, r.uri)
		}
		a := p.once(r)
		if a.final == nil || !attempt.Again(p.credentials, a.final.code(), r.method, a.final.challenges()) {
			a.took = time.Since(began)
			return a
		}
	}
}

// once sends a request and repeats it as RFC 3261 17.1 says.
func (p *phone) once(r request) asked {
	r.branch = newBranch()
	answers := make(chan *message, 16)
	p.mu.Lock()
	p.waiting[r.branch] = answers
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, r.branch)
		p.mu.Unlock()
	}()
	a, b := asked{request: r}, r.bytes()
	over := time.After(patience)
	last := errors.New("no answer")
	p.send(b)
	for wait, quiet := t1, false; ; {
		select {
		case m := <-answers:
			if m.code() < 200 {
				last, quiet = fmt.Errorf("only %s", m.start), r.method == "INVITE"
				continue
			}
			if a.final = m; m.code() >= 300 {
				a.err = errors.New(m.start)
				p.refused(r, m)
			}
			return a
		case <-time.After(wait):
			if wait = min(2*wait, t2); !quiet {
				p.send(b)
			}
		case <-over:
			a.err = last
			return a
		}
	}
}

// refused acknowledges a failure of an INVITE (RFC 3261 17.1.1.3).
func (p *phone) refused(r request, m *message) {
	if r.method == "INVITE" {
		r.method, r.to, r.more = "ACK", m.get("to"), nil
		p.send(r.bytes())
	}
}

func (p *phone) send(b []byte) { _, _ = p.conn.WriteToUDPAddrPort(b, p.proxy) }

// take handles what arrives.
func (p *phone) take(b []byte, from netip.AddrPort) {
	m := parse(b)
	id := m.get("call-id")
	if m.code() > 0 {
		p.mu.Lock()
		waiting, ack := p.waiting[m.branch()], p.again[id]
		p.mu.Unlock()
		select {
		case waiting <- m:
		default: // nobody waits any more
		}
		if waiting == nil && ack != nil && m.code() < 300 && strings.HasSuffix(m.get("cseq"), " INVITE") {
			p.send(ack)
		}
		return
	}
	switch m.method() {
	case "INVITE":
		p.answer(m, id, from)
	case "ACK":
		p.mu.Lock()
		if acked := p.acks[id]; acked != nil && !isDone(acked) {
			close(acked)
		}
		p.mu.Unlock()
	case "BYE":
		_, _ = p.conn.WriteToUDPAddrPort(answerTo(m, 200, "OK", "far"), from)
	}
}

// answer rings, answers, and repeats that until the ACK comes (RFC 3261 13.3.1.4).
func (p *phone) answer(m *message, id string, from netip.AddrPort) {
	p.mu.Lock()
	_, known := p.acks[id]
	acked := make(chan struct{})
	if !known {
		p.acks[id] = acked
	}
	p.mu.Unlock()
	if known {
		return
	}
	ok := answerTo(m, 200, "OK", "far", "Contact: <"+p.contact()+">")
	began := time.Now()
	p.calls.Go(func() {
		_, _ = p.conn.WriteToUDPAddrPort(answerTo(m, 180, "Ringing", "far"), from)
		_, _ = p.conn.WriteToUDPAddrPort(ok, from)
		over := time.After(patience)
		for wait := t1; ; wait *= 2 {
			select {
			case <-acked:
				p.tally.add("ACK", p.user, time.Since(began), nil)
				return
			case <-time.After(wait):
				_, _ = p.conn.WriteToUDPAddrPort(ok, from)
			case <-over:
				p.tally.add("ACK", p.user, patience, errors.New("did not come"))
				return
			case <-p.closed:
				return
			}
		}
	})
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }
