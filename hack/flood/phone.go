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

func newPhone(user string, at netip.Addr, proxy netip.AddrPort, t *tally) (*phone, error) {
	conn, local, err := listen(netip.AddrPortFrom(at, 0))
	if err != nil {
		return nil, err
	}
	p := &phone{
		user: user, at: local, proxy: proxy, conn: conn, tally: t, closed: make(chan struct{}), callID: unique(),
		waiting: map[string]chan *message{}, acks: map[string]chan struct{}{}, again: map[string][]byte{},
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

func (p *phone) register() {
	r := register(p.at, p.user, p.contact())
	p.cseq++
	r.callID, r.cseq = p.callID, p.cseq
	p.note(p.ask(r))
}

// settle registers for the first time, which counts for nothing.
func (p *phone) settle() error {
	p.cseq++
	r := register(p.at, p.user, p.contact())
	r.callID, r.cseq = p.callID, p.cseq
	return p.ask(r).err
}

func (p *phone) contact() string { return fmt.Sprintf("sip:%s@%s", p.user, p.at) }

// call calls, talks and hangs up.
func (p *phone) call(user string) {
	r := toUser("INVITE", p.at, user)
	r.callID, r.from = unique(), fmt.Sprintf("<%s>;tag=%s", aor(p.user), unique())
	r.more = []string{"Contact: <" + p.contact() + ">"}
	a := p.ask(r)
	p.note(a)
	if a.err != nil {
		return
	}
	routes := a.final.all("record-route")
	slices.Reverse(routes)
	next := request{uri: between(a.final.get("contact")), from: r.from, to: a.final.get("to"), callID: r.callID, cseq: 1, via: p.at}
	for _, route := range routes {
		next.more = append(next.more, "Route: "+route)
	}
	ack, bye := next, next
	ack.method, bye.method, bye.cseq = "ACK", "BYE", 2
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
	method string
	took   time.Duration
	final  *message
	err    error
}

func (p *phone) note(a asked) { p.tally.add(a.method, p.user, a.took, a.err) }

// ask sends a request, repeats it as RFC 3261 17.1 says, and waits for a 2xx.
func (p *phone) ask(r request) asked {
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
	a, b, began := asked{method: r.method}, r.bytes(), time.Now()
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
			if a.took, a.final = time.Since(began), m; m.code() >= 300 {
				a.err = errors.New(m.start)
				p.refused(r, m)
			}
			return a
		case <-time.After(wait):
			if wait = min(2*wait, t2); !quiet {
				p.send(b)
			}
		case <-over:
			a.took, a.err = patience, last
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
