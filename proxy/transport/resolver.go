package transport

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// ErrBusy is the answer of a Resolver where others had a better right to a query.
var ErrBusy = errors.New("resolver: too many queries under way")

// Lookup asks for the addresses of a host name; net.Resolver.LookupNetIP is
// one with a network. It returns soon after its context ends.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// Resolver finds the addresses of host names off the hot path. Answers, also
// that there is none, are cached for a short fixed time, as the standard library
// tells no TTL. Queries under way are bounded, and shared out between those who
// cause them (places). Safe for concurrent use.
type Resolver struct {
	lookup  Lookup
	sends   func(netip.Addr) bool
	now     func() time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	cache  map[string]answer
	places places
}

type answer struct {
	address netip.Addr
	err     error
	expires time.Time
}

// Bounds of a Resolver.
const (
	resolverTTL         = 30 * time.Second
	resolverNegativeTTL = 5 * time.Second
	resolverTimeout     = 3 * time.Second
	resolverEntries     = 4096
	resolverQueries     = 64
	resolverWaiters     = 256 // for one name
	resolverNameLength  = 253
)

// NewResolver returns a Resolver that asks lookup and reads the time from now. It
// finds addresses that sends says yes to: those that the sockets can send to.
func NewResolver(lookup Lookup, sends func(netip.Addr) bool, now func() time.Time) *Resolver {
	ctx, cancel := context.WithCancel(context.Background())
	return &Resolver{
		lookup: lookup, sends: sends, now: now, ctx: ctx, cancel: cancel,
		cache: map[string]answer{}, places: newPlaces(resolverQueries),
	}
}

// Resolve calls done once: at once when the answer is cached or ErrBusy, else on
// another goroutine. by tells apart who causes the query, and has its share of
// those under way. done must not block for long.
func (r *Resolver) Resolve(by uint64, host string, done func(netip.Addr, error)) {
	if len(host) == 0 || len(host) > resolverNameLength {
		done(netip.Addr{}, errors.New("resolver: not a host name"))
		return
	}
	r.mu.Lock()
	a, known := r.cache[host]
	if known = known && r.now().Before(a.expires); !known {
		a = answer{err: ErrBusy}
		if !r.closed && r.wait(by, host, done) {
			done = nil
		}
	}
	r.mu.Unlock()
	if done != nil {
		done(a.address, a.err)
	}
}

// wait has done wait for the answer to a query, and reports whether there is one.
func (r *Resolver) wait(by uint64, host string, done func(netip.Addr, error)) bool {
	q := r.places.of(host)
	if q == nil {
		if q = r.places.take(by, host, r.now()); q == nil {
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
	addresses, err := r.lookup(ctx, q.host)
	now := r.now()
	a := answer{address: r.first(addresses), expires: now.Add(resolverTTL)}
	if err != nil || !a.address.IsValid() {
		a.expires = now.Add(resolverNegativeTTL)
		a.err = cmp.Or(err, errNoAddress)
	}
	r.mu.Lock()
	if r.places.leave(q) || a.err == nil {
		r.makeRoom()
		r.cache[q.host] = a
	} else { // it was not let finish
		a.err = ErrBusy
	}
	waiting := q.waiting
	r.mu.Unlock()
	q.cancel()
	for _, done := range waiting {
		done(a.address, a.err)
	}
}

// makeRoom drops what has expired and every failure, or any entry when there is
// none of these.
func (r *Resolver) makeRoom() {
	if len(r.cache) < resolverEntries {
		return
	}
	now := r.now()
	for host, a := range r.cache {
		if a.err != nil || !now.Before(a.expires) {
			delete(r.cache, host)
		}
	}
	for host := range r.cache {
		if len(r.cache) < resolverEntries {
			return
		}
		delete(r.cache, host)
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

var errNoAddress = errors.New("resolver: no address that can be sent to")

// first is the first address that can be sent to.
func (r *Resolver) first(addresses []netip.Addr) netip.Addr {
	for _, a := range addresses {
		if a = a.Unmap(); r.sends(a) {
			return a
		}
	}
	return netip.Addr{}
}
