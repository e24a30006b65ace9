package transport

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sipring/sipring/metric"
	"github.com/sipring/sipring/proxy/resolve"
)

// ErrBusy is the answer of a Resolver where others had a better right to a query.
var ErrBusy = errors.New("resolver: too many queries under way")

// Asker asks DNS.
type Asker interface {
	// Ask returns an answer for each question, in their order, soon after the context ends
	// at the latest.
	Ask(ctx context.Context, questions []resolve.Question) []resolve.Answer
}

// Resolver finds where host names lead to, off the hot path. Answers, also that there is
// none, are cached for as long as DNS has it, within bounds, and used for a while after
// that where DNS does not answer. Queries under way are bounded, and shared out between
// those who cause them (places). Safe for concurrent use.
type Resolver struct {
	asker   Asker
	can     resolve.Can
	now     func() time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	metrics *metric.Set
	results []metric.Counter // by lookupResult

	mu     sync.Mutex
	closed bool
	cache  map[resolve.Name]answer
	places places
}

type answer struct {
	found   *resolve.Found // nil with err
	err     error
	expires time.Time
	// stale is until when found is used where DNS does not answer.
	stale time.Time
	// part: questions were not answered, so there may be more.
	part bool
}

// lookupResult is what became of a lookup.
type lookupResult uint8

const (
	lookupCached lookupResult = iota // known, also that there is nothing
	lookupFound
	lookupNone   // there is no such name, or nothing that can be sent to
	lookupFailed // DNS has not answered
	lookupStale  // it has not, and what it said before is used
	lookupBusy   // too many queries are under way
	lookupResults
)

var lookupNames = [lookupResults]string{"cached", "found", "none", "failed", "stale", "busy"}

// Bounds of a Resolver.
const (
	resolverMinTTL      = 5 * time.Second
	resolverMaxTTL      = time.Hour
	resolverNegativeTTL = time.Minute     // at most, of what is not there (RFC 2308 5)
	resolverFailedTTL   = 5 * time.Second // of what nobody has answered
	resolverStale       = time.Hour       // RFC 8767 4
	resolverStaleTTL    = 30 * time.Second
	resolverTimeout     = 3 * time.Second
	resolverEntries     = 4096
	resolverQueries     = 64
	resolverWaiters     = 256 // for one name
	resolverNameLength  = 253
)

// NewResolver returns a Resolver that asks asker and reads the time from now. It finds what
// can be sent to.
func NewResolver(asker Asker, can resolve.Can, now func() time.Time) *Resolver {
	ctx, cancel := context.WithCancel(context.Background())
	set := metric.NewSet("sipring_proxy_")
	return &Resolver{
		asker: asker, can: can, now: now, ctx: ctx, cancel: cancel, metrics: set,
		results: set.Counters("name_lookups_total", "Host names that were looked up for requests, by what became of it.", metric.Label{Name: "result", Values: lookupNames[:]}),
		cache:   map[resolve.Name]answer{}, places: newPlaces(resolverQueries),
	}
}

// Metrics of the resolver; a prometheus.Collector.
func (r *Resolver) Metrics() *metric.Set { return r.metrics }

// Resolve calls done once: at once when the answer is cached or ErrBusy, else on
// another goroutine. by tells apart who causes the query, and has its share of
// those under way. done must not block for long. What it gets is not empty, without an
// error.
func (r *Resolver) Resolve(by uint64, name resolve.Name, done func(*resolve.Found, error)) {
	if len(name.Host) == 0 || len(name.Host) > resolverNameLength {
		done(nil, errors.New("resolver: not a host name"))
		return
	}
	r.mu.Lock()
	a, known := r.cache[name]
	if known = known && r.now().Before(a.expires); !known {
		a = answer{err: ErrBusy}
		if !r.closed && r.wait(by, name, done) {
			done = nil
		}
	}
	r.mu.Unlock()
	if done == nil {
		return
	}
	if known {
		r.results[lookupCached].Inc()
	} else {
		r.results[lookupBusy].Inc()
	}
	done(a.found, a.err)
}

// wait has done wait for the answer to a query, and reports whether there is one.
func (r *Resolver) wait(by uint64, name resolve.Name, done func(*resolve.Found, error)) bool {
	q := r.places.of(name)
	if q == nil {
		if q = r.places.take(by, name, r.now()); q == nil {
			return false
		}
		ctx, cancel := context.WithTimeout(r.ctx, resolverTimeout)
		q.cancel = cancel
		r.running.Go(func() { r.query(ctx, q) })
	}
	if len(q.waiting) >= resolverWaiters {
		return false
	}
	r.places.charge(q, by)
	q.waiting = append(q.waiting, done)
	return true
}

func (r *Resolver) query(ctx context.Context, q *query) {
	a, result := r.search(ctx, q.name)
	r.mu.Lock()
	switch {
	case !r.places.leave(q) && a.err != nil: // it was not let finish
		a, result = answer{err: ErrBusy}, lookupBusy
	case a.err != nil || result == lookupFailed:
		a, result = r.keepStale(q.name, a, result)
		fallthrough
	default:
		r.makeRoom()
		r.cache[q.name] = a
	}
	waiting := q.waiting
	r.mu.Unlock()
	q.cancel()
	r.results[result].Add(float64(len(waiting)))
	for _, done := range waiting {
		done(a.found, a.err)
	}
}

// search asks DNS. Questions that a search can go on without get a third of what is left
// of the time.
func (r *Resolver) search(ctx context.Context, name resolve.Name) (answer, lookupResult) {
	s := resolve.NewSearch(name, r.can)
	for questions := s.Next(nil); len(questions) > 0; {
		round, cancel := ctx, context.CancelFunc(func() {})
		if end, _ := ctx.Deadline(); s.May() {
			round, cancel = context.WithDeadline(ctx, end.Add(-2*time.Until(end)/3))
		}
		answers := r.asker.Ask(round, questions)
		cancel()
		questions = s.Next(answers)
	}
	found, seconds, failed := s.Found()
	now, ttl := r.now(), time.Duration(seconds)*time.Second
	switch {
	case found.Empty() && failed:
		return answer{err: errNoAnswer, expires: now.Add(resolverFailedTTL)}, lookupFailed
	case found.Empty():
		return answer{err: errNoAddress, expires: now.Add(bound(ttl, resolverMinTTL, resolverNegativeTTL))}, lookupNone
	case failed: // others may be there, and better ones
		return answer{found: found, expires: now.Add(resolverFailedTTL), stale: now.Add(resolverStale), part: true}, lookupFailed
	}
	a := answer{found: found, expires: now.Add(bound(ttl, resolverMinTTL, resolverMaxTTL))}
	a.stale = a.expires.Add(resolverStale)
	return a, lookupFound
}

// keepStale is what is used where DNS has not answered all that was asked: what it said
// before, for a while (RFC 8767), if that was all, or it says nothing now. That there is
// nothing is an answer.
func (r *Resolver) keepStale(name resolve.Name, a answer, result lookupResult) (answer, lookupResult) {
	now := r.now()
	if old, known := r.cache[name]; known && result == lookupFailed && old.err == nil && now.Before(old.stale) && (!old.part || !a.part) {
		old.expires = now.Add(resolverStaleTTL)
		return old, lookupStale
	}
	if a.err == nil { // what was found is enough
		result = lookupFound
	}
	return a, result
}

func bound(d, least, most time.Duration) time.Duration { return min(max(d, least), most) }

// makeRoom drops what has expired and every failure, or any entry when there is
// none of these. What may still be used where DNS does not answer stays as long as there is room.
func (r *Resolver) makeRoom() {
	if len(r.cache) < resolverEntries {
		return
	}
	now := r.now()
	for name, a := range r.cache {
		if a.err != nil || !now.Before(a.expires) {
			delete(r.cache, name)
		}
	}
	for name := range r.cache {
		if len(r.cache) < resolverEntries {
			return
		}
		delete(r.cache, name)
	}
}

// Close ends the queries under way and waits for them; their callers are told.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.running.Wait()
}

var (
	errNoAddress = errors.New("resolver: no address that can be sent to")
	errNoAnswer  = errors.New("resolver: DNS does not answer")
)

// Lookup asks for the addresses of a host name; net.Resolver.LookupNetIP is
// one with a network. It returns soon after its context ends.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// lookupTTL is for how long the answers of a Lookup hold, in seconds, as it tells none.
const lookupTTL = 30

// Ask implements Asker: there are addresses of names, and nothing else.
func (l Lookup) Ask(ctx context.Context, questions []resolve.Question) []resolve.Answer {
	answers := make([]resolve.Answer, len(questions))
	known := map[string][]netip.Addr{}
	for i, q := range questions {
		answers[i] = resolve.Answer{Status: resolve.None, TTL: lookupTTL}
		if q.Type != resolve.A && q.Type != resolve.AAAA {
			continue
		}
		list, asked := known[q.Name]
		if !asked {
			list, _ = l(ctx, q.Name)
			known[q.Name] = list
		}
		for _, a := range list {
			if a = a.Unmap(); a.Is6() == (q.Type == resolve.AAAA) {
				answers[i].Addresses = append(answers[i].Addresses, a)
			}
		}
		switch {
		case len(answers[i].Addresses) > 0:
			answers[i].Status = resolve.Answered
		case ctx.Err() != nil:
			answers[i] = resolve.Answer{}
		}
	}
	return answers
}
