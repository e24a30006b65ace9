package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// reconnects is what a member gets that takes over another's phones: 2,000 that have
// registered lose their connections at one moment, and all open others to one proxy, over
// TLS and over TCP by turns, and register again, at once; and again at the next proxy, when all
// have. Some of them are called when they have lost their connections, and begin the next ones
// when half of the others have.
func reconnects(ctx context.Context, s *site) (outcome, error) {
	const phones, called, sources = 2_000, 20, 20 // of a source no more begin a second than the limits let
	site := returning{site: s}
	for i := range min(phones, mostConnections()/2) {
		site.all = append(site.all, &returner{user: fmt.Sprintf("returns%d", i), callID: unique(), from: s.host(attackerHost + byte(i%sources))})
	}
	site.all, site.called = site.all[called:], site.all[:called]
	for _, r := range site.called {
		r.from = s.host(attackerHost + sources)
	}
	defer site.close()
	var out outcome
	times := map[string]*waves{"TLS": {}, "TCP": {}}
	for n := 0; ; n++ {
		over := [...]string{"TLS", "TCP"}[n%2]
		w := site.comeBack(ctx, n, over)
		if ctx.Err() != nil { // in the middle of a wave, of which nothing is known
			break
		}
		times[over].add(w)
		for answer, k := range w.faults {
			out.fault("%d of %d phones that come back over %s: %s", k, len(site.all)+len(site.called), over, answer)
		}
	}
	if len(times["TLS"].all) == 0 {
		out.fault("%d phones did not come back within %v s", phones, s.Seconds)
		return out, nil
	}
	n := len(site.all) + len(site.called)
	out.Note = fmt.Sprintf("%d phones back at once, %s; %s", n, times["TLS"].describe("TLS", n), times["TCP"].describe("TCP", n))
	return out, nil
}

// waves are how long phones took to be back, each time.
type waves struct{ all, called []time.Duration }

func (w *waves) add(one wave) {
	w.all = append(w.all, one.all)
	if one.called > 0 {
		w.called = append(w.called, one.called)
	}
}

func (w *waves) describe(over string, n int) string {
	if len(w.all) == 0 {
		return "not over " + over
	}
	slowest := slices.Max(w.all)
	text := fmt.Sprintf("%d times over %s, all registered within %.2f s, %.0f/s", len(w.all), over, slowest.Seconds(), float64(n)/slowest.Seconds())
	if len(w.called) > 0 {
		text += fmt.Sprintf(", those that are called within %.2f s", slices.Max(w.called).Seconds())
	}
	return text
}

// returning are phones that lose their connections and come back.
type returning struct {
	site        *site
	all, called []*returner
}

func (g *returning) close() {
	for _, r := range slices.Concat(g.all, g.called) {
		r.close()
	}
}

// wave is one time: when the last was registered, and the last of those that are called, and
// how many got something else than they should, by what that was.
type wave struct {
	all, called time.Duration
	faults      map[string]int
}

// comeBack has every phone lose its connection, open another to the n-th proxy and register
// over it.
func (g *returning) comeBack(ctx context.Context, n int, over string) wave {
	w := wave{faults: map[string]int{}}
	g.close()
	var mu sync.Mutex
	note := func(fault string) {
		mu.Lock()
		defer mu.Unlock()
		if fault != "" {
			w.faults[fault]++
		}
	}
	var calls sync.WaitGroup
	if n > 0 { // they have registered
		g.call(ctx, &calls, g.site.proxy(n+1), note)
	}
	port := map[string]uint16{"TLS": g.site.TLS, "TCP": g.site.SIP}[over]
	to := netip.AddrPortFrom(g.site.proxy(n).Addr(), port)
	var others, own, begun sync.WaitGroup
	half := len(g.all) / 2
	begun.Add(half)
	began := time.Now()
	for i, r := range g.all {
		others.Go(func() {
			note(r.register(ctx, over, to, func() {
				if i < half {
					begun.Done()
				}
			}))
		})
	}
	begun.Wait()
	for _, r := range g.called {
		own.Go(func() { note(r.register(ctx, over, to, func() {})) })
	}
	own.Wait()
	if w.called = time.Since(began); n == 0 {
		w.called = 0
	}
	others.Wait()
	w.all = time.Since(began)
	if n > 0 {
		for _, r := range g.called {
			own.Go(func() { note(r.decline()) })
		}
		own.Wait()
	}
	calls.Wait()
	return w
}

// call has somebody call each of those who are called, and returns when all calls wait.
func (g *returning) call(ctx context.Context, calls *sync.WaitGroup, to netip.AddrPort, note func(string)) {
	var queued sync.WaitGroup
	for _, r := range g.called {
		queued.Add(1)
		calls.Go(func() {
			fault := "their call did not wait"
			u, err := newUA(r.from)
			if err == nil {
				defer u.conn.Close()
				r := toUser("INVITE", u.at, r.user)
				r.callID, r.branch = unique(), newBranch()
				if m := u.exchange(ctx, r, to, returnTime, func(m *message) bool { return m.code() > 100 }); m != nil && m.code() == 182 {
					fault = ""
				}
				queued.Done()
				m := u.exchange(ctx, r, to, returnTime, func(m *message) bool { return m.code() >= 200 })
				if m != nil {
					r.method, r.to, r.more = "ACK", m.get("to"), nil
					_, _ = u.conn.WriteToUDPAddrPort(r.bytes(), to)
				}
				if m == nil || m.code() != 486 {
					fault = "their call was not answered by them"
				}
			} else {
				queued.Done()
			}
			note(fault)
		})
	}
	queued.Wait()
}
