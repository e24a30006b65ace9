package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// reconnects is what a member gets that takes over another's phones: 2,000 that have
// registered over TLS lose their connections at one moment, and all open others to one
// proxy, and register again, at once; and again, when all have.
func reconnects(ctx context.Context, s *site) (outcome, error) {
	const phones, sources = 2_000, 20 // of a source no more begin a second than the limits let
	all := make([]*returner, min(phones, mostConnections()/2))
	for i := range all {
		all[i] = &returner{
			user: fmt.Sprintf("returns%d", i), callID: unique(), from: s.host(attackerHost + byte(i%sources)),
			to: netip.AddrPortFrom(s.Proxies[0], s.TLS).String(),
		}
	}
	defer func() {
		for _, r := range all {
			r.close()
		}
	}()
	var out outcome
	var waves []time.Duration
	for {
		began := time.Now()
		refused := comeBack(ctx, all)
		if ctx.Err() != nil { // in the middle of a wave, of which nothing is known
			break
		}
		waves = append(waves, time.Since(began))
		for answer, n := range refused {
			out.fault("%d of %d phones that come back: %s", n, len(all), answer)
		}
	}
	if len(waves) == 0 {
		out.fault("%d phones did not come back within %v s", len(all), s.Seconds)
		return out, nil
	}
	slowest := slices.Max(waves)
	out.Note = fmt.Sprintf("%d times %d phones back over TLS at once, all registered within %.1f s, %.0f/s", len(waves), len(all), slowest.Seconds(), float64(len(all))/slowest.Seconds())
	return out, nil
}

// comeBack has every phone lose its connection, open another and register over it. It
// returns how many got something else than 200, by what that was.
func comeBack(ctx context.Context, all []*returner) map[string]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	refused := map[string]int{}
	for _, r := range all {
		r.close()
	}
	for _, r := range all {
		wg.Go(func() {
			if answer := r.register(ctx); answer != "" {
				mu.Lock()
				defer mu.Unlock()
				refused[answer]++
			}
		})
	}
	wg.Wait()
	return refused
}

// returner is a phone that has one connection at a time.
type returner struct {
	user, callID, to string
	from             netip.Addr
	cseq             int
	conn             *tls.Conn
}

func (r *returner) close() {
	if r.conn != nil {
		_ = r.conn.NetConn().Close() // nothing is said: it is lost
	}
	r.conn = nil
}

// returnTime is how long a phone may take to be back.
const returnTime = 30 * time.Second

// register opens a connection and registers over it; what it got, if that is no 200.
func (r *returner) register(ctx context.Context) (answer string) {
	ctx, cancel := context.WithTimeout(ctx, returnTime)
	defer cancel()
	d := dialer(r.from)
	d.Timeout = returnTime
	c, err := (&tls.Dialer{NetDialer: d, Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", r.to)
	if err != nil {
		return "no connection"
	}
	r.conn = c.(*tls.Conn)
	_ = r.conn.SetDeadline(time.Now().Add(returnTime))
	r.cseq++
	via := netip.MustParseAddrPort(r.conn.LocalAddr().String())
	m := register(via, r.user, fmt.Sprintf("sip:%s@%s;transport=tls", r.user, via))
	m.callID, m.cseq = r.callID, r.cseq
	m.more[0] += `;+sip.instance="<urn:uuid:` + r.user + `>"`
	text := strings.Replace(string(m.bytes()), "SIP/2.0/UDP", "SIP/2.0/TLS", 1)
	if _, err := io.WriteString(r.conn, text); err != nil {
		return "the connection ended"
	}
	first, err := bufio.NewReader(r.conn).ReadString('\n')
	if err != nil {
		return "no answer"
	}
	if first = strings.TrimSpace(first); first == "SIP/2.0 200 OK" {
		return ""
	}
	return first
}
