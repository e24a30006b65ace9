package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// relay has the proxies send to who did not ask for it: by contacts, and by the
// Request-URI, Routes and token of a call of its own. A counter listens at each
// place; what comes there is a fault. So is an answer that tells whether somebody
// listens.
func relay(ctx context.Context, s *site) (outcome, error) {
	u, err := newUA(s.host(attackerHost))
	if err != nil {
		return outcome{}, err
	}
	defer u.conn.Close()
	places, err := s.places()
	if err != nil {
		return outcome{}, err
	}
	r := &relayer{s: s, u: u}
	out := outcome{}
	if err := r.oracle(ctx, &out); err != nil {
		return out, err
	}
	for _, p := range places {
		r.contacts(ctx, p.counter.at)
		r.dialog(ctx, p.counter.at)
	}
	<-ctx.Done()
	hit := 0
	for _, p := range places {
		if n, size := p.counter.total(); n > 0 {
			hit++
			out.fault("%d datagrams of %d bytes were sent to %s", n, size, p.name)
		}
	}
	out.Note = fmt.Sprintf("%d requests for %d places, %d of which were sent something; token: %v", r.sent, len(places), hit, r.token != "")
	return out, nil
}

// place is where nothing should come.
type place struct {
	name    string
	counter *counter
}

// places are somebody else's address, this machine's own, and ports of the members
// at which they do not take datagrams.
func (s *site) places() (all []place, err error) {
	for name, at := range map[string]netip.AddrPort{
		"a stranger":        netip.AddrPortFrom(s.host(strangerHost), 0),
		"127.0.0.1":         netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0),
		"a member's admin":  netip.AddrPortFrom(s.Proxies[1], s.Admin),
		"a member's peer":   netip.AddrPortFrom(s.Proxies[2], s.Peer),
		"a member's others": netip.AddrPortFrom(s.Proxies[0], 0),
	} {
		c, err := newCounterAt(at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, place{name, c})
	}
	return all, nil
}

// relayer makes the requests.
type relayer struct {
	s     *site
	u     *ua
	token string // Record-Route of a call of its own
	call  request
	sent  int
}

// answerTime is how long an answer may take.
const answerTime = 40 * time.Millisecond

func (r *relayer) ask(ctx context.Context, q request) {
	r.sent++
	r.u.final(ctx, q, r.s.proxy(r.sent), answerTime)
}

// contacts registers what leads to the place, in the ways in which a URI can, and
// calls it.
func (r *relayer) contacts(ctx context.Context, at netip.AddrPort) {
	for _, contact := range []string{
		fmt.Sprintf("sip:x@%s", at),
		fmt.Sprintf("sip:x@%s;maddr=%s", r.u.at, at.Addr()),
		fmt.Sprintf("sip:x@h.invalid:%d;maddr=%s", at.Port(), at.Addr()),
		fmt.Sprintf("sip:x@[::ffff:%s]:%d", at.Addr(), at.Port()),
	} {
		user := fmt.Sprintf("relay%d", r.sent)
		r.ask(ctx, register(r.u.at, user, contact))
		r.ask(ctx, toUser("MESSAGE", r.u.at, user))
	}
	path := register(r.u.at, "path", fmt.Sprintf("sip:x@%s", r.u.at))
	path.more = append(path.more, fmt.Sprintf("Path: <sip:%s;lr>", at), "Supported: path")
	r.ask(ctx, path)
	r.ask(ctx, toUser("MESSAGE", r.u.at, "path"))
	route := toUser("MESSAGE", r.u.at, "path")
	route.more = append(route.more, fmt.Sprintf("Route: <sip:%s;lr>", at))
	r.ask(ctx, route)
	r.ask(ctx, request{method: "MESSAGE", uri: fmt.Sprintf("sip:x@%s", at), to: fmt.Sprintf("<sip:x@%s>", at), via: r.u.at})
}

// dialog uses the token of a call with itself for the place.
func (r *relayer) dialog(ctx context.Context, at netip.AddrPort) {
	if r.token == "" {
		r.learn(ctx)
	}
	for i, q := range []struct{ uri, routes string }{
		{fmt.Sprintf("sip:x@%s", at), r.token},
		{r.call.uri, fmt.Sprintf("%s, <sip:%s;lr>", r.token, at)},
		{r.call.uri, fmt.Sprintf("%s, <sip:%s>", r.token, at)},
		{fmt.Sprintf("sip:x@%s;maddr=%s", r.u.at, at.Addr()), r.token},
	} {
		for _, method := range []string{"MESSAGE", "ACK", "BYE"} {
			m := r.call
			m.method, m.uri, m.to, m.branch, m.cseq = method, q.uri, m.to+";tag=t", newBranch(), 10*i+len(method)
			m.more = []string{"Route: " + q.routes}
			r.ask(ctx, m)
		}
	}
}

// learn calls itself and keeps the Record-Route of what arrives. Without one, what
// needs it is tried all the same.
func (r *relayer) learn(ctx context.Context) {
	self := register(r.u.at, "self", fmt.Sprintf("sip:self@%s", r.u.at))
	for range 3 {
		if r.u.final(ctx, self, r.s.proxy(0), t1) == 200 {
			break
		}
	}
	r.call = toUser("INVITE", r.u.at, "self")
	r.call.callID = unique()
	m := r.u.exchange(ctx, r.call, r.s.proxy(0), time.Second, func(m *message) bool { return m.method() == "INVITE" })
	if m == nil {
		return
	}
	r.token = strings.TrimSpace(m.get("record-route"))
	_, _ = r.u.conn.WriteToUDPAddrPort(answerTo(m, 200, "OK", "t", fmt.Sprintf("Contact: <sip:self@%s>", r.u.at)), r.s.proxy(0))
}

// oracleTime is how long an answer is waited for, and oracleTell how much longer
// than another it may take without telling something.
const (
	oracleTime = time.Second
	oracleTell = 300 * time.Millisecond
)

// told is what the answer to a call tells.
type told struct {
	to   string
	code int
	took time.Duration
}

// oracle calls an open port, a closed one, and nobody: the answers must not tell
// one from the other.
func (r *relayer) oracle(ctx context.Context, out *outcome) error {
	open, err := newCounter(r.s.host(strangerHost + 1))
	if err != nil {
		return err
	}
	defer open.total()
	closed, err := newCounter(r.s.host(strangerHost + 1))
	if err != nil {
		return err
	}
	closed.total()
	r.ask(ctx, register(r.u.at, "open", fmt.Sprintf("sip:x@%s", open.at)))
	r.ask(ctx, register(r.u.at, "closed", fmt.Sprintf("sip:x@%s", closed.at)))
	var answers []told
	for _, user := range []string{"nobody", "open", "closed"} {
		began := time.Now()
		code := r.u.final(ctx, toUser("INVITE", r.u.at, user), r.s.proxy(1), oracleTime)
		answers = append(answers, told{user, code, time.Since(began)})
	}
	for _, a := range answers[1:] {
		if differ(a, answers[0]) {
			out.fault("the answer to an INVITE tells what is there: %s %d after %s, %s %d after %s",
				answers[0].to, answers[0].code, milliseconds(answers[0].took), a.to, a.code, milliseconds(a.took))
		}
	}
	return nil
}

// differ reports whether one answer tells what the other does not.
func differ(a, b told) bool { return a.code != b.code || (a.took-b.took).Abs() > oracleTell }
