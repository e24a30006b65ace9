package credentials

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/limit"
)

const (
	// absentLife is how long it holds that there is no such user.
	absentLife = 15 * time.Second
	// awayLife is how long nobody asks again for a user of whom the source could not tell.
	awayLife = time.Second
)

// settings are those of config.Credentials.
type settings struct {
	life, stale, timeout time.Duration
	concurrent           int
}

func readSettings(c *config.Credentials) settings {
	stale := 86400
	if c.StaleSeconds != nil {
		stale = *c.StaleSeconds
	}
	return settings{
		life: seconds(c.CacheSeconds, 300), stale: time.Duration(stale) * time.Second,
		timeout: seconds(c.TimeoutSeconds, 3), concurrent: or(c.MaxConcurrent, 16),
	}
}

func seconds(n, otherwise int) time.Duration { return time.Duration(or(n, otherwise)) * time.Second }

func or(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// remote is the Store of a source that is asked.
type remote struct {
	settings
	bounds
	source  source
	fold    bool // the domain in a user name is looked up in lower case
	log     *slog.Logger
	lines   *limit.Limiter // of the log, on single users
	metrics *Metrics
	looks   *lookups
	asks    *questionCounts

	cache     *cache
	breaker   breaker
	queue     chan *flight // somebody waits for it
	refreshes chan *entry  // nobody does
	waits     atomic.Int64
	memory    invalidations
	clock     clock

	closed atomic.Bool
	ctx    context.Context // of the workers
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

func newRemote(name string, src source, set settings, b bounds, log *slog.Logger, m *Metrics) *remote {
	ctx, stop := context.WithCancel(context.Background())
	r := &remote{
		settings: set, bounds: b, source: src, log: log, metrics: m, looks: m.lookups(name), asks: m.questions(name),
		cache: newCache(&b, m), queue: make(chan *flight, b.queue), refreshes: make(chan *entry, b.queue),
		clock: clock{begun: time.Now()}, ctx: ctx, stop: stop,
		lines: limit.New(limit.Config{Rate: 1, Burst: badLogged, Slots: 1}),
	}
	r.breaker.down = r.tell
	for range set.concurrent {
		r.ended.Go(r.work)
	}
	return r
}

// tell says that the source is away, or back.
func (r *remote) tell(down bool, err error) {
	if down {
		r.asks.down.Set(1)
		r.log.Warn("credential source away: users known here go on", "error", err)
		return
	}
	r.asks.down.Set(0)
	r.log.Info("credential source back")
}

// tellOdd says that the source answers what makes no sense: so it may of every user, and whoever asks may make them up.
func (r *remote) tellOdd(err error) {
	if r.lines.AllowKey(r.clock.now(), 1, 1) {
		r.log.Warn("credential source answers nonsense", "error", err)
	}
}

// clock is the own one, and by how much that of who looks differs.
type clock struct {
	begun  time.Time
	learnt atomic.Bool
	ahead  atomic.Int64
}

// now is the own clock, in ms from 0 on.
func (c *clock) now() int64 { return time.Since(c.begun).Milliseconds() }

// own is a time of the caller's by the own clock: both go on alike.
func (c *clock) own(now int64) int64 {
	if !c.learnt.Load() {
		c.ahead.Store(now - c.now())
		c.learnt.Store(true)
	}
	return now - c.ahead.Load()
}

// key is what the user of a Query is kept by.
func (r *remote) key(dst []byte, q *Query) (key []byte, ok bool) {
	key, ok = appendKey(dst, q.Username, q.Realm)
	if ok && r.fold {
		foldDomain(key[:len(q.Username)])
	}
	return key, ok
}

// foldDomain makes what is behind the last @ of a user name lower case.
func foldDomain(username []byte) {
	at := bytes.LastIndexByte(username, '@')
	if at < 0 {
		return
	}
	for i, c := range username[at:] {
		if 'A' <= c && c <= 'Z' {
			username[at+i] = c + 'a' - 'A'
		}
	}
}

// Look implements Store.
func (r *remote) Look(now int64, q *Query, c *Credential) Answer {
	*c = Credential{}
	answer := Unknown
	var buffer keyBuffer
	if key, ok := r.key(buffer[:0], q); ok {
		s := r.cache.of(key)
		now = r.clock.own(now)
		s.mu.Lock()
		answer = r.look(s, now, key, c)
		s.mu.Unlock()
	}
	r.looks.count(answer, c.Stale)
	return answer
}

// look is Look with the shard locked.
func (r *remote) look(s *shard, now int64, key []byte, c *Credential) Answer {
	absent := s.absent.entries[string(key)]
	if absent != nil && now >= absent.until {
		absent = nil
	}
	up := r.breaker.up(now) && !r.closed.Load() && (absent == nil || !absent.away)
	if e := s.known.entries[string(key)]; e != nil && now < e.gone {
		doubted := e.doubted || r.memory.taken(e)
		if !doubted || !up {
			e.uses = min(e.uses+1, maxUses)
			*c = e.is
			c.Stale = doubted || now >= e.until || r.memory.missed(e)
			c.Doubt = up && now >= e.sure
			if c.Stale && up {
				r.refresh(now, e)
			}
			return Found
		}
	} else if absent != nil && !absent.away && !r.memory.taken(absent) && !r.memory.missed(absent) {
		return Unknown
	}
	if up {
		return Ask
	}
	return Unavailable
}

// refresh has the source asked for an entry beside, if there is room for that.
func (r *remote) refresh(now int64, e *entry) {
	if e.asking || now < e.again {
		return
	}
	select {
	case r.refreshes <- e:
		e.asking = true
	default: // who looks next tries again
	}
}

// Close implements Store.
func (r *remote) Close() error {
	r.closed.Store(true)
	r.stop()
	r.ended.Wait()
	for i := range r.cache.shards {
		s := &r.cache.shards[i]
		s.mu.Lock()
		var all []*flight
		for _, f := range s.flights {
			all = append(all, f)
		}
		clear(s.flights)
		s.mu.Unlock()
		for _, f := range all {
			r.release(f.waiting)
		}
	}
	r.source.close()
	return nil
}
