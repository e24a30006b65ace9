package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipring/sipring/proxy/resolve"
)

// hosts is a Resolver of addresses, which are asked of a function.
type hosts struct{ *Resolver }

func newHosts(lookup Lookup, sends func(netip.Addr) bool, now func() time.Time) *hosts {
	can := resolve.Can{UDP: true, IPv4: sends(netip.IPv4Unspecified()), IPv6: sends(netip.IPv6Unspecified())}
	return &hosts{NewResolver(lookup, can, now)}
}

// host asks for the first address of a host.
func (h *hosts) host(by uint64, host string, done func(netip.Addr, error)) {
	h.Resolve(by, resolve.Name{Host: host}, func(found *resolve.Found, err error) {
		if err != nil {
			done(netip.Addr{}, err)
			return
		}
		done(found.AppendHops(nil, 0, false)[0].Addr.Addr(), nil)
	})
}

func TestResolverAsksOnceAndCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := newHosts(func(context.Context, string) ([]netip.Addr, error) {
			asked++
			time.Sleep(10 * time.Millisecond)
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")}, nil
		}, netip.Addr.Is4, time.Now)
		defer r.Close()
		var got []netip.Addr
		note := func(a netip.Addr, err error) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, a)
		}
		r.host(1, "a.example", note)
		r.host(1, "a.example", note)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		r.host(1, "a.example", note)
		if asked != 1 || len(got) != 3 || got[0] != netip.MustParseAddr("192.0.2.1") {
			t.Fatalf("asked %d times, got %v", asked, got)
		}
		time.Sleep(lookupTTL * time.Second)
		r.host(1, "a.example", note)
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		if asked != 2 {
			t.Errorf("asked %d times after the entry expired, want 2", asked)
		}
	})
}

// silentResolver answers for what ends in .quick after the time it takes, and for
// nothing else.
func silentResolver(takes time.Duration, asked *atomic.Int64) *hosts {
	return newHosts(func(ctx context.Context, host string) ([]netip.Addr, error) {
		asked.Add(1)
		if !strings.HasSuffix(host, ".quick") {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		select {
		case <-time.After(takes):
			return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, netip.Addr.Is4, time.Now)
}

// outcomes counts what callers were told.
type outcomes struct{ answered, busy, failed atomic.Int64 }

func (o *outcomes) note(_ netip.Addr, err error) {
	switch {
	case err == nil:
		o.answered.Add(1)
	case errors.Is(err, ErrBusy):
		o.busy.Add(1)
	default:
		o.failed.Add(1)
	}
}

func (o *outcomes) all() int64 { return o.answered.Load() + o.busy.Load() + o.failed.Load() }

func TestResolverIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		r := silentResolver(0, &asked)
		var names, one outcomes
		for i := range resolverQueries + 7 {
			r.host(1, "h"+strconv.Itoa(i)+".test", names.note)
		}
		if names.busy.Load() != 7 {
			t.Errorf("%d names refused, want 7", names.busy.Load())
		}
		for range resolverWaiters + 5 {
			r.host(1, "h0.test", one.note)
		}
		if one.busy.Load() != 6 {
			t.Errorf("%d that ask for one name refused, want 6", one.busy.Load())
		}
		synctest.Wait()
		if asked.Load() != resolverQueries {
			t.Errorf("%d queries, want %d", asked.Load(), resolverQueries)
		}
		r.Close()
		if names.failed.Load() != resolverQueries || one.failed.Load() != resolverWaiters-1 {
			t.Error("a waiting caller was not told of Close")
		}
		r.host(1, "a.quick", names.note)
		if names.busy.Load() != 8 {
			t.Error("asked after Close")
		}
	})
}

// Whoever fills the places with names that nobody answers for, with one address
// or one domain or neither the same, keeps no other name from being answered.
func TestSilentNamesKeepNobodyFromBeingAnswered(t *testing.T) {
	own := func(i int) uint64 { return uint64(i) }
	one := func(int) uint64 { return 1 }
	apart := func(i int) string { return fmt.Sprintf("a.n%d", i) }
	together := func(i int) string { return fmt.Sprintf("n%d.attacker.test", i) }
	for name, c := range map[string]struct {
		by    func(i int) uint64
		host  func(i int) string
		every time.Duration // between two silent names
		takes time.Duration // to answer an honest one, of which one comes every 100 ms
	}{
		"one source, many domains":   {one, apart, time.Millisecond, 800 * time.Millisecond},
		"many sources, one domain":   {own, together, time.Millisecond, 800 * time.Millisecond},
		"one source, one domain":     {one, together, time.Millisecond, 800 * time.Millisecond},
		"ten sources, ten domains":   {func(i int) uint64 { return uint64(i % 10) }, func(i int) string { return fmt.Sprintf("n%d.d%d", i, i/10%10) }, time.Millisecond, 300 * time.Millisecond},
		"many sources, many domains": {own, apart, 25 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				r := silentResolver(c.takes, &asked)
				defer r.Close()
				var silent, honest outcomes
				const total = 20
				var calls sync.WaitGroup
				calls.Go(func() {
					time.Sleep(time.Second)
					for i := range total {
						time.Sleep(100 * time.Millisecond)
						r.host(1<<40, fmt.Sprintf("h%d.quick", i), honest.note)
					}
				})
				n := 0
				for began := time.Now(); time.Since(began) < 5*time.Second; n++ {
					r.host(c.by(n), c.host(n), silent.note)
					time.Sleep(c.every)
				}
				calls.Wait()
				if honest.answered.Load() != total {
					t.Errorf("%d of %d answered, %d busy, %d failed", honest.answered.Load(), total, honest.busy.Load(), honest.failed.Load())
				}
				if most := int64(total + resolverQueries*(1+5*2)); asked.Load() > most {
					t.Errorf("%d queries, want %d at most", asked.Load(), most)
				}
				time.Sleep(resolverTimeout)
				synctest.Wait()
				if silent.all() != int64(n) || silent.answered.Load() > 0 {
					t.Errorf("%d of %d callers were told, %d an address", silent.all(), n, silent.answered.Load())
				}
			})
		})
	}
}

// A source that asks for what another one floods the places for is no flooder.
func TestWhoWaitsForTheNameOfAFloodKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		r := silentResolver(400*time.Millisecond, &asked)
		defer r.Close()
		var flood, honest outcomes
		r.host(1, "victim.quick", flood.note)
		time.Sleep(time.Millisecond) // it is the oldest
		for i := range resolverQueries - 1 {
			r.host(1, "a.n"+strconv.Itoa(i), flood.note)
		}
		r.host(2, "victim.quick", honest.note)
		for i := range 20 {
			r.host(3, "b.m"+strconv.Itoa(i), flood.note)
		}
		time.Sleep(time.Second)
		if honest.answered.Load() != 1 {
			t.Errorf("not answered: busy %d, failed %d", honest.busy.Load(), honest.failed.Load())
		}
		if flood.busy.Load() != 20 {
			t.Errorf("%d of the flood had to go, want 20", flood.busy.Load())
		}
	})
}

// A name that was found out not to answer is not asked for again at once.
func TestSilenceIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		r := silentResolver(0, &asked)
		defer r.Close()
		var o outcomes
		r.host(1, "n.test", o.note)
		time.Sleep(resolverTimeout + time.Millisecond)
		for range 100 {
			r.host(1, "n.test", o.note)
		}
		if asked.Load() != 1 || o.failed.Load() != 101 {
			t.Errorf("asked %d times, %d failed, want 1 and 101", asked.Load(), o.failed.Load())
		}
		time.Sleep(resolverFailedTTL)
		r.host(1, "n.test", o.note)
		synctest.Wait()
		if asked.Load() != 2 {
			t.Errorf("asked %d times, want 2", asked.Load())
		}
	})
}

// Failures make room before addresses do.
func TestResolverCacheIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		r := newHosts(func(_ context.Context, host string) ([]netip.Addr, error) {
			asked.Add(1)
			if strings.HasSuffix(host, ".quick") {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			}
			return nil, errNoAddress
		}, netip.Addr.Is4, time.Now)
		defer r.Close()
		var o outcomes
		for i := range resolverEntries / 2 {
			r.host(1, strconv.Itoa(i)+".quick", o.note)
			synctest.Wait()
		}
		for i := range 2 * resolverEntries {
			r.host(2, strconv.Itoa(i)+".none", o.note)
			synctest.Wait()
			if len(r.cache) > resolverEntries {
				t.Fatalf("%d entries, want %d at most", len(r.cache), resolverEntries)
			}
		}
		before := asked.Load()
		for i := range resolverEntries / 2 {
			r.host(1, strconv.Itoa(i)+".quick", o.note)
		}
		if asked.Load() != before {
			t.Errorf("%d addresses were forgotten for failures", asked.Load()-before)
		}
	})
}

func TestDomainOf(t *testing.T) {
	for host, want := range map[string]string{
		"a": "a", "a.b": "a.b", "a.b.c": "b.c", "x.y.b.c": "b.c", "a.b.c.": "b.c", "a.": "a", ".": "", "..": ".",
	} {
		if got := domainOf(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

func TestResolverFindsWhatTheSocketCanSendTo(t *testing.T) {
	for name, c := range map[string]struct {
		six   bool
		found []string
		want  string // none: an error
	}{
		"IPv4 socket, both":           {false, []string{"2001:db8::1", "192.0.2.1", "192.0.2.2"}, "192.0.2.1"},
		"IPv6 socket, both":           {true, []string{"192.0.2.1", "2001:db8::1", "2001:db8::2"}, "2001:db8::1"},
		"IPv4 socket, IPv6 alone":     {false, []string{"2001:db8::1"}, ""},
		"IPv6 socket, IPv4 alone":     {true, []string{"192.0.2.1", "::ffff:192.0.2.1"}, ""},
		"IPv4 socket, in IPv6's form": {false, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"none":                        {false, nil, ""},
	} {
		r := newHosts(func(context.Context, string) (found []netip.Addr, err error) {
			for _, a := range c.found {
				found = append(found, netip.MustParseAddr(a))
			}
			return found, nil
		}, func(a netip.Addr) bool { return a.Is6() == c.six }, time.Now)
		got := make(chan string, 1)
		r.host(1, "a.example", func(a netip.Addr, err error) {
			if err != nil {
				got <- ""
				return
			}
			got <- a.String()
		})
		if a := <-got; a != c.want {
			t.Errorf("%s: %q, want %q", name, a, c.want)
		}
		r.Close()
	}
}
