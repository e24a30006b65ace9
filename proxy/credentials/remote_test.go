package credentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a source that takes time and counts.
type fake struct {
	mu      sync.Mutex
	users   map[string]finding
	err     error
	takes   time.Duration
	asked   map[string]int
	now     int
	most    int
	answer  func(q *question) // called with each question; may be nil
	closing bool
}

func newFake(users ...string) *fake {
	f := &fake{users: map[string]finding{}, asked: map[string]int{}, takes: 10 * time.Millisecond}
	for _, u := range users {
		f.users[u] = finding{known: true, is: Credential{HasMD5: true, MD5: [16]byte{1}}}
	}
	return f
}

func (f *fake) ask(ctx context.Context, q *question) (finding, error) {
	f.mu.Lock()
	f.asked[q.username]++
	f.now++
	f.most = max(f.most, f.now)
	takes, answer, found := f.takes, f.answer, f.users[q.username]
	f.mu.Unlock()
	if answer != nil {
		answer(q)
	}
	over := time.NewTimer(takes)
	defer over.Stop()
	select {
	case <-ctx.Done():
	case <-over.C:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now--
	if ctx.Err() != nil {
		return finding{}, ctx.Err()
	}
	return found, f.err
}

func (f *fake) close() { f.set(func() { f.closing = true }) }

func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, times := range f.asked {
		n += times
	}
	return n
}

var errGone = errors.New("gone")

// bench is a Store of a fake in a bubble of time.
type bench struct {
	*remote
	t       *testing.T
	source  *fake
	metrics *Metrics
	base    time.Time
}

func usual() settings {
	return settings{life: 5 * time.Minute, stale: 24 * time.Hour, timeout: 3 * time.Second, concurrent: 16}
}

// bubble runs a test with a Store in a bubble of time.
func bubble(t *testing.T, src *fake, set settings, b bounds, test func(b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetrics()
		r := newRemote(sourceHTTP, src, set, b, slog.New(slog.DiscardHandler), m)
		defer func() {
			if err := r.Close(); err != nil || !src.closing || value(m, "questions_waiting") != 0 {
				t.Errorf("the source is not closed, or somebody waits: %v", err)
			}
		}()
		test(&bench{remote: r, t: t, source: src, metrics: m, base: time.Now()})
	})
}

// clock of who looks: it has another beginning than the store's.
func (b *bench) at() int64 { return time.Since(b.base).Milliseconds() + 777_777 }

func query(user string) *Query { return &Query{Username: []byte(user), Realm: []byte("example.com")} }

func (b *bench) look(user string) (Answer, Credential) {
	var c Credential
	answer := b.Look(b.at(), query(user), &c)
	return answer, c
}

// want looks, and asks if that is said, once.
func (b *bench) want(user string, want Answer) Credential {
	b.t.Helper()
	answer, c := b.look(user)
	if answer == Ask {
		done := make(chan struct{})
		b.Ask(query(user), func() { close(done) })
		<-done
		answer, c = b.look(user)
	}
	if answer != want {
		b.t.Errorf("%v: %s is %v, want %v", time.Since(b.base), user, answer, want)
	}
	return c
}

func (b *bench) wantTotal(n int) {
	b.t.Helper()
	synctest.Wait()
	if got := b.source.total(); got != n {
		b.t.Errorf("%v: asked %d times, want %d", time.Since(b.base), got, n)
	}
}

func TestCacheHoldsForALife(t *testing.T) {
	bubble(t, newFake("alice"), usual(), defaultBounds, func(b *bench) {
		if answer, _ := b.look("alice"); answer != Ask {
			t.Errorf("at first %v", answer)
		}
		b.want("alice", Found)
		b.want("nobody", Unknown)
		b.wantTotal(2)
		time.Sleep(10 * time.Second)
		b.want("nobody", Unknown)
		b.wantTotal(2)
		time.Sleep(6 * time.Second) // what is absent is asked for again after 15 s
		b.want("nobody", Unknown)
		b.wantTotal(3)
		time.Sleep(4 * time.Minute)
		if c := b.want("alice", Found); c.Stale || !c.HasMD5 {
			t.Errorf("within its life: %+v", c)
		}
		b.wantTotal(3)
		time.Sleep(time.Minute)
		b.source.set(func() { b.source.users["alice"] = finding{known: true, is: Credential{HasSHA256: true}} })
		if c := b.want("alice", Found); !c.Stale || !c.HasMD5 {
			t.Errorf("after it, at once: %+v", c)
		}
		b.want("alice", Found)
		time.Sleep(time.Second)
		if c := b.want("alice", Found); c.Stale || c.HasMD5 || !c.HasSHA256 {
			t.Errorf("after it, a moment later: %+v", c)
		}
		b.wantTotal(4)
	})
}

// TestFailuresAskAlike: who tries a user that phones refresh has the source asked as often,
// and when, as who tries one that does not exist, whatever the life of either is.
func TestFailuresAskAlike(t *testing.T) {
	for name, life := range map[string]time.Duration{"minutes": 5 * time.Minute, "seconds": 8 * time.Second} {
		set := usual()
		set.life = life
		bubble(t, newFake("alice"), set, defaultBounds, func(b *bench) {
			asked := func(user string) (n int) {
				b.source.set(func() { n = b.source.asked[user] })
				return n
			}
			fails := func(user string) (questions int) {
				before := asked(user)
				answer, c := b.look(user)
				if answer == Ask || answer == Found && (c.Stale || c.Doubt) {
					done := make(chan struct{})
					b.Ask(query(user), func() { close(done) })
					<-done
					b.look(user)
				}
				return asked(user) - before
			}
			b.want("alice", Found) // a phone
			var alice, nobody []int
			// No sum of these, and 100 ms each, is near the end of a life of 8 or 15 s, which is up to a tenth less.
			for _, pause := range []time.Duration{60, 1, 5, 10, 1, 5, 11, 200, 400, 2} {
				for range pause { // the phone goes on
					time.Sleep(time.Second)
					b.want("alice", Found)
				}
				time.Sleep(100 * time.Millisecond) // what is refreshed for it is there
				alice, nobody = append(alice, fails("alice")), append(nobody, fails("nobody"))
			}
			if fmt.Sprint(alice) != fmt.Sprint(nobody) || alice[0] != 1 {
				t.Errorf("%s: for alice it is asked %v times, for nobody %v", name, alice, nobody)
			}
		})
	}
}

func TestServicesShortenALife(t *testing.T) {
	src := newFake("alice")
	src.users["alice"] = finding{known: true, life: 10 * time.Second, is: Credential{HasMD5: true}}
	src.users["long"] = finding{known: true, life: 10 * time.Hour, is: Credential{HasMD5: true}}
	bubble(t, src, usual(), defaultBounds, func(b *bench) {
		b.want("alice", Found)
		b.want("long", Found)
		time.Sleep(11 * time.Second)
		if c := b.want("alice", Found); !c.Stale {
			t.Error("alice is not stale after 11 s")
		}
		time.Sleep(300 * time.Second)
		if c := b.want("long", Found); !c.Stale {
			t.Error("long is not stale after the configured life")
		}
	})
}

// TestKnownUsersGoOnWhileTheSourceIsAway: for as long as is configured; unknown ones are neither known nor unknown.
func TestKnownUsersGoOnWhileTheSourceIsAway(t *testing.T) {
	for rule, away := range map[string]func(f *fake){
		"it fails": func(f *fake) { f.err = errGone },
		"it hangs": func(f *fake) { f.takes = time.Hour },
	} {
		t.Run(rule, func(t *testing.T) {
			bubble(t, newFake("alice", "bob", "carol"), usual(), defaultBounds, func(b *bench) {
				b.want("alice", Found)
				b.want("nobody", Unknown)
				b.source.set(func() { away(b.source) })
				time.Sleep(10 * time.Minute)
				for range 100 {
					begun := b.at()
					b.want("alice", Found)
					if b.at() != begun {
						t.Error("who is known waits")
					}
					b.want("bob", Unavailable)
					b.want("nobody", Unavailable)
					time.Sleep(time.Second)
				}
				if value(b.metrics, "source_down", "source", "http") != 1 {
					t.Error("nobody says that the source is down")
				}
				if n := b.source.total(); n > 350 {
					t.Errorf("a source that is away is asked %d times in 100 s", n)
				}
				b.source.set(func() { b.source.err, b.source.takes = nil, time.Millisecond })
				time.Sleep(2 * lastPause * time.Millisecond)
				b.want("bob", Found)
				if value(b.metrics, "source_down", "source", "http") != 0 {
					t.Error("nobody says that the source is back")
				}
				b.want("nobody", Unknown)
				b.source.set(func() { b.source.err = errGone })
				time.Sleep(23 * time.Hour)
				b.want("bob", Found)
				time.Sleep(2 * time.Hour)
				b.want("bob", Unavailable)
			})
		})
	}
}

// TestStormDoesNotStampede: 10,000 users come at once when the source is back, of whom half were known. Each is asked for
// once, by no more questions at a time than are configured.
func TestStormDoesNotStampede(t *testing.T) {
	const users = 10_000
	src := newFake()
	for i := range users {
		src.users[fmt.Sprint("u", i)] = finding{known: true, is: Credential{HasMD5: true}}
	}
	src.takes = time.Millisecond
	bubble(t, src, usual(), defaultBounds, func(b *bench) {
		for i := range users / 2 {
			b.want(fmt.Sprint("u", i), Found)
		}
		b.source.set(func() { b.source.err = errGone })
		time.Sleep(10 * time.Minute)
		for i := range users { // the breaker opens
			b.look(fmt.Sprint("u", i))
		}
		for i := range breakAfter {
			b.want(fmt.Sprint("new", i), Unavailable)
		}
		time.Sleep(10 * time.Second) // what was under way has failed
		b.source.set(func() { b.source.err = nil; b.source.most = 0; clear(b.source.asked) })
		begun, goroutines := b.at(), runtime.NumGoroutine()
		for fresh := 0; fresh < users; time.Sleep(100 * time.Millisecond) {
			fresh = 0
			for i := range users {
				switch answer, c := b.look(fmt.Sprint("u", i)); {
				case answer == Found && !c.Stale:
					fresh++
				case answer == Ask:
					b.Ask(query(fmt.Sprint("u", i)), func() {})
				case answer == Unknown, answer != Found && i < users/2:
					t.Fatalf("u%d is %v", i, answer)
				}
			}
			if n := runtime.NumGoroutine(); n > goroutines || b.at()-begun > 60_000 {
				t.Fatalf("%d goroutines, %d before; %d users are fresh", n, goroutines, fresh)
			}
		}
		t.Logf("all %d are fresh after %d ms", users, b.at()-begun)
		b.source.set(func() {
			if src.most > 16 {
				t.Errorf("%d questions at a time", src.most)
			}
			for user, times := range src.asked {
				if times != 1 {
					t.Errorf("%s was asked for %d times", user, times)
				}
			}
			if len(src.asked) != users {
				t.Errorf("%d users were asked for", len(src.asked))
			}
		})
	})
}

// TestOneQuestionForAUser: whoever waits for one.
func TestOneQuestionForAUser(t *testing.T) {
	bubble(t, newFake("alice"), usual(), defaultBounds, func(b *bench) {
		done := atomic.Int64{}
		for range 100 {
			b.Ask(query("alice"), func() { done.Add(1) })
		}
		synctest.Wait()
		if value(b.metrics, "questions_waiting") != 100 {
			t.Error("100 do not wait")
		}
		time.Sleep(time.Second)
		b.Ask(query("alice"), func() { done.Add(1) }) // known by now
		if b.wantTotal(1); done.Load() != 101 {
			t.Errorf("%d called", done.Load())
		}
	})
}

// TestWaitingIsBounded: in functions that wait and in questions that do; whoever is too many is told at once.
func TestWaitingIsBounded(t *testing.T) {
	for rule, tight := range map[string]func(b *bounds){
		"functions": func(b *bounds) { b.waiting = 20 },
		"questions": func(b *bounds) { b.queue = 4 },
	} {
		t.Run(rule, func(t *testing.T) {
			set, bounds := usual(), defaultBounds
			set.concurrent = 16
			tight(&bounds)
			bubble(t, newFake(), set, bounds, func(b *bench) {
				b.source.set(func() { b.source.takes = time.Second })
				for i := range 16 {
					b.Ask(query(fmt.Sprint("first", i)), func() {})
					synctest.Wait()
				}
				for i := range 4 {
					b.Ask(query(fmt.Sprint("second", i)), func() {})
				}
				at := false
				b.Ask(query("late"), func() { at = true })
				if answer, _ := b.look("late"); !at || answer != Unavailable {
					t.Errorf("one too many: called %v, %v", at, answer)
				}
				if value(b.metrics, "questions_refused_total") != 1 {
					t.Error("not counted")
				}
				time.Sleep(4 * time.Second)
				b.want("late", Unknown)
			})
		})
	}
}

// TestRandomUsersPushNobodyOut: they have a space of their own.
func TestRandomUsersPushNobodyOut(t *testing.T) {
	bounds := defaultBounds
	bounds.shards, bounds.known, bounds.absent = 4, 400, 100
	src := newFake()
	for i := range 100 {
		src.users[fmt.Sprint("u", i)] = finding{known: true, is: Credential{HasMD5: true}}
	}
	bubble(t, src, usual(), bounds, func(b *bench) {
		for i := range 100 {
			b.want(fmt.Sprint("u", i), Found)
		}
		for i := range 5000 {
			b.want(fmt.Sprint("random", i), Unknown)
		}
		if n := value(b.metrics, "cache_entries", "kind", "absent"); n > 100 {
			t.Errorf("%v absent ones are kept", n)
		}
		if value(b.metrics, "cache_evictions_total", "kind", "absent") < 4900 || value(b.metrics, "cache_evictions_total", "kind", "known") != 0 {
			t.Error("evictions are not those of absent ones")
		}
		b.source.set(func() { b.source.err = errGone })
		for i := range 100 {
			b.want(fmt.Sprint("u", i), Found)
		}
	})
}

// TestCacheIsBounded: in entries and bytes; those that are in use stay.
func TestCacheIsBounded(t *testing.T) {
	for rule, c := range map[string]struct {
		bounds  func(b *bounds)
		entries float64
	}{
		"entries": {func(b *bounds) { b.known = 100 }, 100},
		"bytes":   {func(b *bounds) { b.knownBytes = 100 * 1024 }, 100 * 1024 / entryBytes},
	} {
		t.Run(rule, func(t *testing.T) {
			bounds := defaultBounds
			bounds.shards = 1
			c.bounds(&bounds)
			src := newFake("used")
			aor := strings.Repeat("a", 300)
			for i := range 1000 {
				src.users[fmt.Sprint("u", i)] = finding{known: true, is: Credential{HasMD5: true, AORs: []string{aor}}}
			}
			bubble(t, src, usual(), bounds, func(b *bench) {
				b.want("used", Found)
				for i := range 1000 {
					b.want(fmt.Sprint("u", i), Found)
					if answer, _ := b.look("used"); answer != Found {
						b.t.Fatalf("who is in use was pushed out by %d others", i)
					}
				}
				entries, bytes := value(b.metrics, "cache_entries", "kind", "known"), value(b.metrics, "cache_bytes", "kind", "known")
				if entries > c.entries || entries < c.entries/3 || bytes > float64(bounds.knownBytes) {
					t.Errorf("%v entries, %v bytes", entries, bytes)
				}
			})
		})
	}
}

// TestNamesThatNobodyHasAreNotAskedFor.
func TestNamesThatNobodyHasAreNotAskedFor(t *testing.T) {
	bubble(t, newFake(), usual(), defaultBounds, func(b *bench) {
		for _, name := range []string{"", "a\x00b", "\xff", "a\r\nb", strings.Repeat("a", 256)} {
			b.want(name, Unknown)
			called := false
			if b.Ask(query(name), func() { called = true }); !called {
				t.Errorf("%.10q: not called", name)
			}
		}
		b.wantTotal(0)
	})
}

// TestNonsenseIsNoOutage: who asks for a user that the source chokes on does not cut off the others.
func TestNonsenseIsNoOutage(t *testing.T) {
	bubble(t, newFake("alice"), usual(), defaultBounds, func(b *bench) {
		b.source.set(func() { b.source.err = &oddity{errGone} })
		for i := range 10 {
			b.want(fmt.Sprint("odd", i), Unavailable)
		}
		b.wantTotal(10) // not asked again either
		b.source.set(func() { b.source.err = nil })
		b.want("alice", Found)
		if value(b.metrics, "source_down", "source", "http") != 0 || value(b.metrics, "questions_total", "result", "invalid") != 10 {
			t.Error("counted otherwise")
		}
	})
}

// TestNonsenseIsLoggedNowAndThen: of each user it would be a line for every name that somebody tries.
func TestNonsenseIsLoggedNowAndThen(t *testing.T) {
	src := newFake()
	bubble(t, src, usual(), defaultBounds, func(b *bench) {
		var text bytes.Buffer
		b.log = slog.New(slog.NewTextHandler(&text, nil))
		src.set(func() { src.err, src.takes = &oddity{errGone}, time.Millisecond })
		for i := range 1000 {
			b.want(fmt.Sprint("odd", i), Unavailable)
		}
		if lines := strings.Count(text.String(), "nonsense"); lines < badLogged || lines > badLogged+2 {
			t.Errorf("%d lines of 1000 answers in %v", lines, time.Since(b.base))
		}
	})
}

// TestSourceThatFailsAtOnceIsTriedAgain: twice, and a moment later.
func TestSourceThatFailsAtOnceIsTriedAgain(t *testing.T) {
	src := newFake("alice")
	src.err = errGone
	src.answer = func(*question) {
		src.set(func() {
			if src.asked["alice"] == tries {
				src.err = nil
			}
		})
	}
	bubble(t, src, usual(), defaultBounds, func(b *bench) {
		b.want("alice", Found)
		b.wantTotal(tries)
	})
}

func TestCloseReleasesWhoWaits(t *testing.T) {
	bubble(t, newFake("alice"), usual(), defaultBounds, func(b *bench) {
		b.want("alice", Found)
		b.source.set(func() { b.source.takes = time.Hour })
		var done atomic.Int64
		for i := range 100 {
			b.Ask(query(fmt.Sprint("u", i)), func() { done.Add(1) })
		}
		synctest.Wait()
		if err := b.Close(); err != nil || done.Load() != 100 {
			t.Errorf("%d called, %v", done.Load(), err)
		}
		b.want("u1", Unavailable)
		b.want("alice", Found)
		if b.Ask(query("u2"), func() { done.Add(1) }); done.Load() != 101 {
			t.Error("not called once it is closed")
		}
	})
}

func TestLookWithoutAllocation(t *testing.T) {
	src := newFake("alice", "stale")
	m := NewMetrics()
	r := newRemote(sourceHTTP, src, usual(), defaultBounds, slog.New(slog.DiscardHandler), m)
	defer func() { _ = r.Close() }()
	for user, want := range map[string]Answer{"alice": Found, "stale": Found, "nobody": Unknown, "new": Ask} {
		q, c := query(user), Credential{}
		if user != "new" {
			done := make(chan struct{})
			r.Ask(q, func() { close(done) })
			<-done
		}
		now := int64(0)
		if user == "stale" {
			src.set(func() { src.takes = time.Hour })
			r.Look(0, q, &c)
			now = 400_000 // its refresh hangs
			r.Look(now, q, &c)
			until(t, "a refresh is under way", func() bool { src.mu.Lock(); defer src.mu.Unlock(); return src.asked["stale"] == 2 })
			src.set(func() { src.takes = 0 })
		}
		if n := testing.AllocsPerRun(100, func() {
			if got := r.Look(now, q, &c); got != want || c.Stale != (user == "stale") {
				t.Errorf("%s is %v, %+v", user, got, c)
			}
		}); n != 0 {
			t.Errorf("%v allocations for %s", n, user)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	r := newRemote(sourceHTTP, newFake("alice"), usual(), defaultBounds, slog.New(slog.DiscardHandler), NewMetrics())
	defer func() { _ = r.Close() }()
	done := make(chan struct{})
	r.Ask(query("alice"), func() { close(done) })
	<-done
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		q, c := query("alice"), Credential{}
		for pb.Next() {
			if r.Look(0, q, &c) != Found {
				b.Fatal("not found")
			}
		}
	})
}
