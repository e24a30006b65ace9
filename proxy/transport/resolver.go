package transport

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// ErrBusy is the answer of a Resolver that has too many queries under way.
var ErrBusy = errors.New("resolver: too many queries under way")

// Lookup asks for the addresses of a host name; net.Resolver.LookupNetIP with
// network "ip4" or "ip6" is one.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// Resolver finds the addresses of host names off the hot path. Answers, also
// that there is none, are cached for a short fixed time, as the standard library
// tells no TTL. Safe for concurrent use.
type Resolver struct {
	lookup  Lookup
	six     bool
	now     func() time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	cache   map[string]answer
	waiting map[string][]func(netip.Addr, error)
	waiters int
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
	resolverWaiters     = 4096
	resolverNameLength  = 253
)

// NewResolver returns a Resolver that asks lookup and reads the time from now. It
// finds IPv6 addresses with six, else IPv4 addresses: what the sockets can send
// to.
func NewResolver(lookup Lookup, six bool, now func() time.Time) *Resolver {
	ctx, cancel := context.WithCancel(context.Background())
	return &Resolver{
		lookup: lookup, six: six, now: now, ctx: ctx, cancel: cancel,
		cache: map[string]answer{}, waiting: map[string][]func(netip.Addr, error){},
	}
}

// Resolve calls done once: at once when the answer is cached, else on another
// goroutine. done must not block for long.
func (r *Resolver) Resolve(host string, done func(netip.Addr, error)) {
	if len(host) == 0 || len(host) > resolverNameLength {
		done(netip.Addr{}, errors.New("resolver: not a host name"))
		return
	}
	r.mu.Lock()
	if a, ok := r.cache[host]; ok && r.now().Before(a.expires) {
		r.mu.Unlock()
		done(a.address, a.err)
		return
	}
	_, asked := r.waiting[host]
	if r.closed || r.waiters >= resolverWaiters || (!asked && len(r.waiting) >= resolverQueries) {
		r.mu.Unlock()
		done(netip.Addr{}, ErrBusy)
		return
	}
	r.waiting[host] = append(r.waiting[host], done)
	r.waiters++
	if !asked {
		r.running.Go(func() { r.query(host) })
	}
	r.mu.Unlock()
}

func (r *Resolver) query(host string) {
	ctx, cancel := context.WithTimeout(r.ctx, resolverTimeout)
	defer cancel()
	addresses, err := r.lookup(ctx, host)
	a := answer{address: r.first(addresses), expires: r.now().Add(resolverTTL)}
	if err != nil || !a.address.IsValid() {
		a.expires = r.now().Add(resolverNegativeTTL)
		a.err = cmp.Or(err, errNoAddress)
	}
	r.mu.Lock()
	r.makeRoom()
	r.cache[host] = a
	waiting := r.waiting[host]
	delete(r.waiting, host)
	r.waiters -= len(waiting)
	r.mu.Unlock()
	for _, done := range waiting {
		done(a.address, a.err)
	}
}

// makeRoom drops what has expired, or any entry when nothing has.
func (r *Resolver) makeRoom() {
	if len(r.cache) < resolverEntries {
		return
	}
	now := r.now()
	for host, a := range r.cache {
		if !now.Before(a.expires) {
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

// first is the first address of the sockets' family.
func (r *Resolver) first(addresses []netip.Addr) netip.Addr {
	for _, a := range addresses {
		if a = a.Unmap(); a.Is6() == r.six {
			return a
		}
	}
	return netip.Addr{}
}
