package limit

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// bucket is GCRA's other form, the continuous-state leaky bucket (ITU-T I.371
// Annex A), of one source.
type bucket struct{ level, filled int64 } // nanoseconds of work, milliseconds

// allow is what Allow should be if every source had a place for ever.
func (b *bucket) allow(c Config, now, cost int64) bool {
	cell := int64(1e9) / int64(c.Rate)
	level := max(0, b.level-(now-b.filled)*1e6)
	if level+cost*cell > int64(c.Burst)*cell {
		return false
	}
	b.level, b.filled = level+cost*cell, now
	return true
}

func address(n int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n)+1)
	return netip.AddrFrom4(b)
}

var configs = rapid.Custom(func(t *rapid.T) Config {
	return Config{
		Rate:  rapid.SampledFrom([]int{1, 7, 50, 1000, 30000}).Draw(t, "rate"),
		Burst: rapid.IntRange(1, 40).Draw(t, "burst"),
		Slots: rapid.SampledFrom([]int{1, 7, 8, 64}).Draw(t, "slots"),
	}
})

// history draws questions and asks them: at what time, of which of some sources.
func history(t *rapid.T, sources int, ask func(now int64, source, cost int)) {
	now := rapid.Int64Range(0, 1<<40).Draw(t, "start")
	for range rapid.IntRange(1, 200).Draw(t, "questions") {
		now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 30), rapid.Int64Range(0, 3000)).Draw(t, "pause")
		ask(now, rapid.IntRange(0, sources-1).Draw(t, "source"), rapid.IntRange(1, 8).Draw(t, "cost"))
	}
}

// As many sources as one set has room for are limited exactly, wherever they are.
func TestFewSourcesAreLimitedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configs.Draw(t, "config")
		l, want := New(c), [ways]bucket{}
		history(t, ways, func(now int64, source, cost int) {
			if got, want := l.Allow(now, address(source), cost), want[source].allow(c, now, int64(cost)); got != want {
				t.Fatalf("source %d at %d, cost %d: %v, want %v", source, now, cost, got, want)
			}
		})
	})
}

// Being forgotten and met again gives no source more than it may cause.
func TestNobodyIsAllowedMoreThanItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := configs.Draw(t, "config")
		l, exact := New(c), map[int]*bucket{}
		history(t, 60, func(now int64, source, cost int) {
			if exact[source] == nil {
				exact[source] = &bucket{}
			}
			if l.Allow(now, address(source), cost) && !exact[source].allow(c, now, int64(cost)) {
				t.Fatalf("source %d at %d, cost %d: allowed, and it had no more", source, now, cost)
			}
		})
	})
}

// A flood from more forged sources than the table has room for, each met once,
// and from one true source, refuse an honest one nothing.
func TestForgedSourcesKeepNobodyOut(t *testing.T) {
	c := Config{Rate: 50, Burst: 20, Slots: 1 << 12}
	l, honest, greedy := New(c), address(1<<30), address(1<<31)
	perMS := c.Slots * c.Rate / 1000 / 2 // half of what puts the whole table in debt
	forged, refused, gained := 0, 0, 0
	const took = 20_000
	for now := range int64(took) {
		for range perMS {
			forged++
			l.Allow(now, address(forged), 1)
			if l.Allow(now, greedy, 1) {
				gained++
			}
		}
		if now%25 == 0 && !l.Allow(now, honest, 1) {
			refused++
		}
	}
	if refused > 0 {
		t.Errorf("the honest source was refused %d of %d times", refused, took/25)
	}
	if most := c.Burst + c.Rate*took/1000; gained > most || gained < most*9/10 {
		t.Errorf("one source was allowed %d, want up to %d", gained, most)
	}
}

// Where a whole set is in debt, who is not known yet shares the least of it.
func TestWhoIsNotKnownSharesTheLeastDebt(t *testing.T) {
	c := Config{Rate: 1, Burst: 10, Slots: ways}
	l := New(c)
	for i := range ways {
		for range c.Burst - ways + i { // 3, 4 ... 9
			l.Allow(0, address(i), 1)
		}
	}
	if !l.Allow(0, address(ways), 7) {
		t.Error("refused 7, with a debt of 3 to share and a burst of 10")
	}
	if l.Allow(0, address(ways+1), 7) {
		t.Error("allowed 7 more, where the least debt is 4")
	}
	for i := 1; i < ways; i++ {
		if !l.Allow(0, address(i), ways-i) || l.Allow(0, address(i), 1) {
			t.Errorf("source %d has not the debt it made", i)
		}
	}
}

func TestCosts(t *testing.T) {
	l := New(Config{Rate: 1, Burst: 3})
	for _, c := range []struct {
		cost int
		want bool
	}{{4, false}, {3, true}, {1, false}, {0, true}, {-5, true}, {1, false}} {
		if got := l.Allow(0, address(0), c.cost); got != c.want {
			t.Errorf("a cost of %d: %v, want %v", c.cost, got, c.want)
		}
	}
	if least := New(Config{}); !least.Allow(0, address(0), 1) || least.Allow(999, address(0), 1) || !least.Allow(1000, address(0), 1) {
		t.Error("without a configuration a source may not cause one a second")
	}
}

// The largest and slowest bucket holds in the year 2200.
func TestLargeNumbers(t *testing.T) {
	l, now := New(Config{Rate: 1, Burst: 1 << 40}), int64(7_258_118_400_000)
	if !l.Allow(now, address(0), 1e9) || l.Allow(now, address(0), 1) || !l.Allow(now+1000, address(0), 1) || l.Allow(now, address(1), 1e9+1) {
		t.Error("a burst of 1e9 is not what it says")
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
		{"::1", "::2", true},
		{"::1", "0.0.0.0", false},
		{"::1", "0.0.0.1", false},
		{"0.0.0.1", "::ffff:0.0.0.1", true},
	} {
		a, b := Source(netip.MustParseAddr(c.a)), Source(netip.MustParseAddr(c.b))
		if (a == b) != c.want || a == 0 {
			t.Errorf("%s is %x, %s is %x: want the same %v", c.a, a, c.b, b, c.want)
		}
	}
	if Source(netip.Addr{}) == 0 {
		t.Error("no address is what an empty place holds")
	}
}

// Many at once get together what one after another would.
func TestConcurrentUse(t *testing.T) {
	c := Config{Rate: 1, Burst: 10_000, Slots: ways} // so that most of what is asked is charged
	l := New(c)
	var allowed [2 * ways]atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 80_000 {
				if l.Allow(0, address(i%len(allowed)), 1) {
					allowed[i%len(allowed)].Add(1)
				}
			}
		})
	}
	wg.Wait()
	var sum int64
	for i := range allowed {
		n := allowed[i].Load()
		sum += n
		if n > int64(c.Burst) {
			t.Errorf("source %d was allowed %d, want %d at most", i, n, c.Burst)
		}
	}
	if want := int64(ways * c.Burst); sum != want {
		t.Errorf("all were allowed %d, want what a set has room for, %d", sum, want)
	}
}

func TestAllowDoesNotAllocate(t *testing.T) {
	l, n := New(Config{Rate: 50, Burst: 20, Slots: 1 << 10}), 0
	if allocs := testing.AllocsPerRun(1000, func() {
		n++
		l.Allow(int64(n), address(n), 1)
	}); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func BenchmarkAllow(b *testing.B) {
	for name, sources := range map[string]int{"one source": 1, "a thousand": 1000, "forged": 1 << 24} {
		b.Run(name, func(b *testing.B) {
			l := New(Config{Rate: 50, Burst: 20, Slots: 1 << 16})
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				l.Allow(int64(i>>6), address(i%sources), 1)
			}
		})
		b.Run(name+", in parallel", func(b *testing.B) {
			l := New(Config{Rate: 50, Burst: 20, Slots: 1 << 16})
			var start atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for i := int(start.Add(1 << 20)); pb.Next(); i++ {
					l.Allow(int64(i>>6), address(i%sources), 1)
				}
			})
		})
	}
}
