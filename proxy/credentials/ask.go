package credentials

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// tries is how often a question is asked of a source that fails at once.
	tries = 3
	// firstRetry is the mean pause before the second time.
	firstRetry = 50 * time.Millisecond
	// retakes is how often a question is asked whose answer is taken back while it is under way.
	retakes = 3
)

// Ask implements Store.
func (r *remote) Ask(q *Query, done func()) {
	var buffer keyBuffer
	key, ok := r.key(buffer[:0], q)
	if !ok || !r.await(key, q, done) {
		done()
	}
}

// await has the source asked, and done called then. It reports false if nobody is asked: it is known by now, or the
// source is away, or too many wait.
func (r *remote) await(key []byte, q *Query, done func()) bool {
	s, now := r.cache.of(key), r.clock.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.closed.Load() {
		return false
	}
	if s.flights[string(key)] == nil {
		var c Credential
		switch answer := r.look(s, now, key, &c); {
		case answer == Unknown, answer == Found && !c.Stale && !c.Doubt:
			return false
		case answer == Unavailable && !s.isAway(key, now): // it may be back by the time that this is looked at
			return r.refuse(s, now, newQuestion(key, q))
		}
	}
	if s.isAway(key, now) {
		return false
	}
	if r.waits.Add(1) > int64(r.waiting) {
		r.waits.Add(-1)
		return r.refuse(s, now, newQuestion(key, q))
	}
	f := s.flights[string(key)]
	if f == nil {
		if f = r.launch(s, now, newQuestion(key, q)); f == nil {
			r.waits.Add(-1)
			return r.refuse(s, now, newQuestion(key, q))
		}
	}
	f.waiting = append(f.waiting, done)
	r.metrics.waiting.Inc()
	return true
}

// launch puts a question into the queue. It returns nil if there is no room, or the source is away.
func (r *remote) launch(s *shard, now int64, q question) *flight {
	ok, probe := r.breaker.enter(now)
	if !ok {
		return nil
	}
	f := &flight{question: q, asked: now, probe: probe}
	select {
	case r.queue <- f:
	default:
		if probe {
			r.breaker.probing.Store(false)
		}
		return nil
	}
	r.memory.realm(q.realm)
	s.flights[q.key] = f
	return f
}

// refuse notes that nobody can be asked for a user for a moment, so that Look does not say Ask.
func (r *remote) refuse(s *shard, now int64, q question) bool {
	r.metrics.refused.Inc()
	r.putAway(s, now, q)
	return false
}

func (r *remote) putAway(s *shard, now int64, q question) {
	s.absent.put(q.key, &entry{question: q, away: true, until: now + jittered(awayLife)})
}

// jittered is a time in ms, up to a tenth less: what was said at one time does not end at one time.
func jittered(d time.Duration) int64 {
	ms := d.Milliseconds()
	return ms - rand.Int64N(ms/10+1)
}

// work asks, one question after the other.
func (r *remote) work() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case f := <-r.queue:
			r.answer(f)
		case e := <-r.refreshes:
			if f := r.takeRefresh(e); f != nil {
				r.answer(f)
			}
		}
	}
}

// takeRefresh makes a flight of an entry that is to be refreshed, unless there is one.
func (r *remote) takeRefresh(e *entry) *flight {
	s, now := r.cache.named(e.question.key), r.clock.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e.asking = false
	if s.flights[e.question.key] != nil || s.known.entries[e.question.key] != e {
		return nil
	}
	ok, probe := r.breaker.enter(now)
	if !ok {
		return nil
	}
	f := &flight{question: e.question, asked: now, probe: probe}
	s.flights[e.question.key] = f
	return f
}

// answer asks the source and stores what it says, and calls who waits for that.
func (r *remote) answer(f *flight) {
	s := r.cache.named(f.question.key)
	for retake := 1; ; retake++ {
		seq := r.memory.seq()
		found, err := r.question(f)
		s.mu.Lock()
		if err == nil && retake < retakes && (f.again || r.memory.since(seq)) {
			f.again = false
			s.mu.Unlock()
			continue
		}
		r.store(s, f, seq, found, err)
		delete(s.flights, f.question.key)
		waiting := f.waiting
		s.mu.Unlock()
		r.release(waiting)
		return
	}
}

// release calls who waited.
func (r *remote) release(waiting []func()) {
	r.waits.Add(-int64(len(waiting)))
	r.metrics.waiting.Sub(float64(len(waiting)))
	for _, done := range waiting {
		done()
	}
}

// question asks the source, more than once if it fails at once. A question that waited for longer than the source may
// take is not asked: nobody waits for it any more.
func (r *remote) question(f *flight) (found finding, err error) {
	begun := r.clock.now()
	if !f.probe && (r.breaker.open() || begun-f.asked > r.timeout.Milliseconds()) {
		r.metrics.refused.Inc()
		return finding{}, errAway
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	start := time.Now()
	for try := 1; ; try++ {
		found, err = r.source.ask(ctx, &f.question)
		if err == nil || isOddity(err) || try == tries || f.probe || !pause(ctx, firstRetry<<(try-1)) {
			break
		}
	}
	r.metrics.duration.Observe(time.Since(start).Seconds())
	r.asks.count(found.known, err)
	switch {
	case r.ctx.Err() != nil: // it is being closed
	case err == nil || isOddity(err):
		r.breaker.succeeded(f.probe)
	default:
		r.breaker.away(r.clock.now(), f.probe, err)
	}
	if isOddity(err) {
		r.tellOdd(err)
	}
	f.probe = false
	return found, err
}

// pause waits for half to one and a half of d, and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// store keeps what was found. What was taken back all the time that it was asked for is used for want of better if there
// is such a user, and else nothing is known.
func (r *remote) store(s *shard, f *flight, seq uint64, found finding, err error) {
	now, key := r.clock.now(), f.question.key
	e := &entry{question: f.question, seq: seq, doubted: f.again}
	short := now + jittered(min(absentLife, r.life))
	taken := f.again || r.memory.since(seq)
	switch {
	case err != nil:
		if old := s.known.entries[key]; old != nil {
			old.again = now + jittered(awayLife)
		}
		r.putAway(s, now, f.question)
	case found.known:
		life := r.life
		if found.life > 0 {
			life = min(life, found.life)
		}
		e.is, e.until = found.is, now+jittered(life)
		e.gone = e.until + r.stale.Milliseconds()
		if old := s.known.entries[key]; len(f.waiting) > 0 {
			e.sure = short
		} else if old != nil {
			e.sure = old.sure
		}
		s.absent.drop(key)
		s.known.put(key, e)
		if taken {
			r.putAway(s, now, f.question)
		}
	case taken:
		s.known.drop(key)
		r.putAway(s, now, f.question)
	default:
		e.until = short
		s.known.drop(key)
		s.absent.put(key, e)
	}
}
