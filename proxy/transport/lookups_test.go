package transport

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/resolve"
)

// zone is DNS: what it answers to each question. What it does not have is not there, for a
// minute, and while it is away it answers nothing.
type zone struct {
	mu    sync.Mutex
	away  bool
	asked int
	has   map[resolve.Question]resolve.Answer
}

func (z *zone) Ask(ctx context.Context, questions []resolve.Question) []resolve.Answer {
	z.mu.Lock()
	defer z.mu.Unlock()
	answers := make([]resolve.Answer, len(questions))
	z.asked += len(questions)
	if z.away {
		z.mu.Unlock()
		<-ctx.Done()
		z.mu.Lock()
		return answers
	}
	for i, q := range questions {
		a, known := z.has[q]
		if !known {
			a = resolve.Answer{Status: resolve.None, TTL: 600}
		}
		answers[i] = a
	}
	return answers
}

func (z *zone) set(away bool, name string, ttl uint32, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.away = away
	a := resolve.Answer{Status: resolve.Answered, TTL: ttl}
	for _, x := range addresses {
		a.Addresses = append(a.Addresses, netip.MustParseAddr(x))
	}
	z.has = map[resolve.Question]resolve.Answer{{Name: name, Type: resolve.A}: a}
	if len(addresses) == 0 {
		z.has = nil
	}
}

func (z *zone) questions() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	n := z.asked
	z.asked = 0
	return n
}

// look asks for a name and waits, "" is an error.
func look(r *Resolver, name resolve.Name) string {
	got := make(chan string, 1)
	r.Resolve(1, name, func(found *resolve.Found, err error) {
		if err != nil {
			got <- ""
			return
		}
		got <- found.AppendHops(nil, 0, false)[0].Addr.Addr().String()
	})
	return <-got
}

var ipv4 = resolve.Can{UDP: true, TCP: true, TLS: true, IPv4: true}

// TestAnswersHoldAsLongAsDNSHasIt: within bounds; that there is nothing holds for a minute
// at most (RFC 2308 5).
func TestAnswersHoldAsLongAsDNSHasIt(t *testing.T) {
	for name, c := range map[string]struct {
		ttl       uint32
		addresses []string
		want      time.Duration
	}{
		"as it is":         {60, []string{"192.0.2.1"}, time.Minute},
		"no time":          {0, []string{"192.0.2.1"}, resolverMinTTL},
		"too long":         {1 << 31, []string{"192.0.2.1"}, resolverMaxTTL},
		"nothing is there": {0, nil, resolverNegativeTTL},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := &zone{}
				z.set(false, "a.example", c.ttl, c.addresses...)
				r := NewResolver(z, ipv4, time.Now)
				defer r.Close()
				host := resolve.Name{Host: "a.example"}
				look(r, host)
				time.Sleep(c.want - time.Millisecond)
				look(r, host)
				if n := z.questions(); n != 1 {
					t.Errorf("%d questions before", n)
				}
				time.Sleep(2 * time.Millisecond)
				look(r, host)
				if n := z.questions(); n != 1 {
					t.Errorf("%d questions after", n)
				}
			})
		})
	}
}

// TestRFC8767_StaleAnswersWhileDNSIsAway: for an hour, and what is asked then is not asked
// for each request. That a name is gone is an answer, and counts.
func TestRFC8767_StaleAnswersWhileDNSIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{}
		z.set(false, "a.example", 60, "192.0.2.1")
		r := NewResolver(z, ipv4, time.Now)
		defer r.Close()
		name := resolve.Name{Host: "a.example", By: resolve.Rules}
		want := func(when, want string) {
			t.Helper()
			if got := look(r, name); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		want("at first", "192.0.2.1")
		z.set(true, "a.example", 60, "192.0.2.1")
		time.Sleep(2 * time.Minute)
		z.questions()
		want("away", "192.0.2.1")
		n := z.questions()
		began := time.Now()
		for range 10 {
			want("still away", "192.0.2.1")
		}
		if z.questions() != 0 || n == 0 || time.Since(began) > 0 {
			t.Errorf("asked for each request")
		}
		time.Sleep(resolverStale)
		want("for too long", "")
		z.set(false, "a.example", 60, "192.0.2.2")
		time.Sleep(resolverFailedTTL)
		want("back", "192.0.2.2")
		z.set(false, "a.example", 60)
		time.Sleep(2 * time.Minute)
		want("gone", "")
	})
}

// TestHalfAnAnswer: where DNS has not answered all, what it has said is used for seconds.
func TestHalfAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{has: map[resolve.Question]resolve.Answer{
			{Name: "a.example", Type: resolve.NAPTR}: {}, // failed
			{Name: "a.example", Type: resolve.A}:     {Status: resolve.Answered, TTL: 3600, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		}}
		r := NewResolver(z, ipv4, time.Now)
		defer r.Close()
		name := resolve.Name{Host: "a.example", By: resolve.Rules}
		if got := look(r, name); got != "192.0.2.1" {
			t.Errorf("%q", got)
		}
		z.questions()
		time.Sleep(resolverFailedTTL)
		if look(r, name); z.questions() == 0 {
			t.Error("not asked again")
		}
	})
}

// TestLookupsAreCounted by what became of them.
func TestLookupsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{}
		r := NewResolver(z, ipv4, time.Now)
		defer r.Close()
		host := resolve.Name{Host: "a.example"}
		z.set(false, "a.example", 60, "192.0.2.1")
		look(r, host) // found
		look(r, host) // cached
		z.set(true, "a.example", 60, "192.0.2.1")
		time.Sleep(time.Minute)
		look(r, host)                            // stale
		look(r, resolve.Name{Host: "b.example"}) // failed
		z.set(false, "a.example", 60, "192.0.2.1")
		look(r, resolve.Name{Host: "none.example"}) // none
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		look(r, resolve.Name{Host: "busy.example"}) // busy
		for i, name := range lookupNames {
			if n := r.results[i].Load(); n != 1 {
				t.Errorf("%s: %d", name, n)
			}
		}
	})
}

// TestCloseWhileDNSIsAsked tells those who wait.
func TestCloseWhileDNSIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewResolver(&zone{away: true}, ipv4, time.Now)
		var told error
		r.Resolve(1, resolve.Name{Host: "a.example", By: resolve.Services, Over: flow.TCP}, func(_ *resolve.Found, err error) { told = err })
		synctest.Wait()
		began := time.Now()
		if r.Close(); told == nil || time.Since(began) > 0 {
			t.Errorf("%v, after %v", told, time.Since(began))
		}
	})
}

// cached is a resolver that knows a domain of two servers.
func cached(t testing.TB) (*Resolver, resolve.Name) {
	z := &zone{has: map[resolve.Question]resolve.Answer{
		{Name: "_sip._udp.a.example", Type: resolve.SRV}: {Status: resolve.Answered, TTL: 3600, Servers: []resolve.Server{{Weight: 1, Port: 5060, Target: "x.example"}, {Weight: 9, Port: 5060, Target: "y.example"}}},
		{Name: "x.example", Type: resolve.A}:             {Status: resolve.Answered, TTL: 3600, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		{Name: "y.example", Type: resolve.A}:             {Status: resolve.Answered, TTL: 3600, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.2")}},
	}}
	r := NewResolver(z, ipv4, time.Now)
	t.Cleanup(r.Close)
	name := resolve.Name{Host: "a.example", By: resolve.Services}
	if look(r, name) == "" {
		t.Fatal("not found")
	}
	return r, name
}

// TestCachedLookupDoesNotAllocate, the choice by weight included.
func TestCachedLookupDoesNotAllocate(t *testing.T) {
	r, name := cached(t)
	var hops [resolve.MaxHops]resolve.Hop
	seed := uint64(0)
	done := func(found *resolve.Found, _ error) { seed += uint64(len(found.AppendHops(hops[:0], seed, false))) }
	if n := testing.AllocsPerRun(1000, func() { r.Resolve(1, name, done) }); n != 0 || seed < 2000 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCachedLookup(b *testing.B) {
	r, name := cached(b)
	var hops [resolve.MaxHops]resolve.Hop
	seed := uint64(0)
	done := func(found *resolve.Found, _ error) { seed += uint64(len(found.AppendHops(hops[:0], seed, false))) }
	b.ReportAllocs()
	for b.Loop() {
		r.Resolve(1, name, done)
	}
}

// TestHalfAnAnswerFollowsDNS: where a server never answers a question that a search can go on
// without, what it says of the others is followed, and not what it said before.
func TestHalfAnAnswerFollowsDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{}
		says := func(address string) {
			z.mu.Lock()
			defer z.mu.Unlock()
			z.has = map[resolve.Question]resolve.Answer{
				{Name: "a.example", Type: resolve.NAPTR}: {}, // failed
				{Name: "a.example", Type: resolve.A}:     {Status: resolve.Answered, TTL: 60, Addresses: []netip.Addr{netip.MustParseAddr(address)}},
			}
		}
		r := NewResolver(z, ipv4, time.Now)
		defer r.Close()
		for _, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
			says(address)
			time.Sleep(2 * time.Minute)
			if got := look(r, resolve.Name{Host: "a.example", By: resolve.Rules}); got != address {
				t.Errorf("%q, and DNS has %s", got, address)
			}
		}
	})
}
