//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// bustle is phones that register and call their neighbours all the time, each one thing
// after the other.
type bustle struct {
	load     *phones.Load
	patience time.Duration // in which each request is answered

	over    chan struct{}
	running sync.WaitGroup
	rounds  []atomic.Int64 // that each phone has gone through
	quiet   []atomic.Bool  // phones that call and are called, and do not register
	gone    atomic.Int64   // when a proxy was known to be gone, in Unix nanoseconds
	again   atomic.Int64   // what was done again as that proxy had not answered

	mu         sync.Mutex
	registered phones.Outcome
	called     phones.Called
}

// Between what a phone does it rests up to so long.
const rest = time.Second

func newBustle(ctx context.Context, load *phones.Load, limit time.Duration) *bustle {
	b := &bustle{load: load, patience: limit, over: make(chan struct{}), rounds: make([]atomic.Int64, len(load.Phones)), quiet: make([]atomic.Bool, len(load.Phones))}
	for i := range load.Phones {
		b.running.Go(func() { b.act(ctx, i) })
	}
	return b
}

// hushed does something while nobody registers by itself: two REGISTERs of a phone at once
// may overtake each other.
func (b *bustle) hushed(ctx context.Context, do func() error) error {
	before := make([]bool, len(b.quiet))
	for i := range b.quiet {
		before[i] = b.quiet[i].Swap(true)
	}
	defer func() {
		for i := range b.quiet {
			b.quiet[i].Store(before[i])
		}
	}()
	if err := b.further(ctx, 2); err != nil { // one may have been under way
		return err
	}
	return do()
}

// end returns when each phone has done what it was at.
func (b *bustle) end() {
	close(b.over)
	b.running.Wait()
}

func (b *bustle) act(ctx context.Context, i int) {
	for {
		select {
		case <-b.over:
			return
		case <-ctx.Done():
			return
		case <-time.After(rand.N(rest)):
		}
		if !b.quiet[i].Load() {
			b.register(ctx, i)
		}
		b.call(ctx, i)
		b.rounds[i].Add(1)
	}
}

func (b *bustle) register(ctx context.Context, i int) {
	err := b.persist(ctx, func(ctx context.Context) error { return b.load.Phones[i].Register(ctx, 3600) })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.registered.Count(err)
}

// call has a phone be called by its neighbour, and the neighbour hang up.
func (b *bustle) call(ctx context.Context, i int) {
	var call *phones.Call
	began := time.Now()
	err := b.persist(ctx, func(ctx context.Context) (err error) {
		call, err = b.load.Phones[(i+1)%len(b.load.Phones)].Dial(ctx, b.load.Phones[i].User())
		return err
	})
	took := time.Since(began)
	var bye error
	if err == nil {
		bye = b.persist(ctx, call.Bye)
		if phones.Status(bye) == 481 && b.mayBeLost(began) {
			bye = nil // the one before came there, and its answer was lost
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.called.Reached.Count(err)
	b.called.Slowest = max(b.called.Slowest, took)
	if err == nil {
		b.called.Hungup.Count(bye)
	}
}

// persist does what has to be answered in time. What a proxy
// was asked that then died is asked once more, of another (RFC 3263 4.3).
func (b *bustle) persist(ctx context.Context, do func(context.Context) error) error {
	began := time.Now()
	once := func() error {
		ctx, cancel := context.WithTimeout(ctx, b.patience)
		defer cancel()
		return do(ctx)
	}
	err := once()
	if err != nil && phones.Status(err) == 0 && b.mayBeLost(began) {
		b.again.Add(1)
		err = once()
	}
	return err
}

// mayBeLost: what began then may have gone to the proxy that is gone.
func (b *bustle) mayBeLost(began time.Time) bool { return began.UnixNano() < b.gone.Load() }

// lost: from now on nothing goes to the proxy that is gone.
func (b *bustle) lost() { b.gone.Store(time.Now().UnixNano()) }

// further waits until each phone has gone through n more rounds.
func (b *bustle) further(ctx context.Context, n int64) error {
	until := make([]int64, len(b.rounds))
	for i := range b.rounds {
		until[i] = b.rounds[i].Load() + n
	}
	return eventually(ctx, installLimit, func(context.Context) error {
		for i := range b.rounds {
			if b.rounds[i].Load() < until[i] {
				return fmt.Errorf("%s is at round %d, not %d", b.load.Phones[i].User(), b.rounds[i].Load(), until[i])
			}
		}
		return nil
	})
}

// note adds what came of it to a result.
func (b *bustle) note(r *result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Refreshed.Add(b.registered)
	r.Meanwhile.Add(b.called)
	r.Notes = append(r.Notes, fmt.Sprintf("%v registrations refreshed and %v calls made, each request through a proxy by chance; slowest answer %v; %d sent again as their proxy had died",
		b.registered, b.called.Hungup, b.called.Slowest.Round(time.Millisecond), b.again.Load()))
	if b.registered.Of == 0 || b.called.Reached.Of == 0 {
		r.Problems = append(r.Problems, "nobody registered or called")
	}
}
