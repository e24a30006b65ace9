package application

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Checker looks after the application beside this proxy. A check begins each period and may take as long as one, so an
// application that hangs has ended to serve after as many periods as there may be failures, and one more.
type Checker struct {
	prober prober
	period time.Duration
	took   func(r Result, serves bool)

	mu     sync.Mutex
	health Health
	counts [results]uint64
}

// NewChecker returns one for an application at a host, whose configuration has its defaults. took is called with each result and
// whether the application serves after it, one call at a time and in order; it must not ask the Checker.
//
// Without checks (config.CheckNone) it serves until a call is refused, and again two periods later.
func NewChecker(app *config.LocalApp, host netip.Addr, took func(r Result, serves bool)) *Checker {
	return &Checker{
		prober: newProber(app, host), period: app.Health.Period(), health: NewHealth(app.Health.Failures), took: took,
	}
}

// Run checks until ctx ends. It is called once.
func (c *Checker) Run(ctx context.Context) {
	defer c.prober.close()
	if c.prober == (nothing{}) {
		for range successes {
			c.take(Healthy)
		}
	}
	timer := time.NewTimer(c.period)
	defer timer.Stop()
	for due := time.Now(); ; {
		timer.Reset(time.Until(due))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		due = due.Add(c.period)
		r := c.prober.probe(ctx, due)
		if ctx.Err() != nil {
			return
		}
		c.count(r)
		c.take(r)
		if now := time.Now(); now.Sub(due) > c.period { // this process did not run for some time: what it missed it does not make up for
			due = now
		}
	}
}

// Refused tells that a call found nothing at the application's port: it does not serve from now on. Safe for concurrent
// use.
func (c *Checker) Refused() { c.take(Refused) }

// Serves reports whether the application serves. Safe for concurrent use.
func (c *Checker) Serves() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.health.Serves()
}

// Checks returns how many checks had that result. Safe for concurrent use.
func (c *Checker) Checks(r Result) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[r]
}

func (c *Checker) count(r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[r]++
}

func (c *Checker) take(r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.health.Take(r)
	c.took(r, c.health.Serves())
}
