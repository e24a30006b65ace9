package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// maxLines is how many bans a second are logged.
const maxLines = 20

// Config of a Gate.
type Config struct {
	// Keys make nonces.
	Keys *digest.Keys
	// Log gets a line for each ban; nil: nobody does.
	Log *slog.Logger
}

// Gate lets requests in, or not. Its methods may be called concurrently.
type Gate struct {
	keys     *digest.Keys
	dummy    dummy
	rules    atomic.Pointer[rules] // nil: everybody is let in
	attempts sync.Pool
	failures *failures
	setups   *setups
	issued   issued
	metrics  *Metrics
	log      *slog.Logger
	lines    *limit.Limiter // of the log
}

// New returns a Gate that lets everybody in until Configure.
func New(c Config) *Gate {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{
		keys: c.Keys, dummy: newDummy(), failures: newFailures(), setups: newSetups(), log: c.Log,
		lines: limit.New(limit.Config{Rate: maxLines, Burst: maxLines, Slots: 1}),
	}
	g.metrics = newMetrics(g)
	g.attempts.New = func() any { return newAttempt(g) }
	return g
}

// Configure has the rules of a configuration followed from now on, with users from
// store: that may be nil where nobody is asked for credentials. Requests that wait keep
// to the rules, and the store, of before.
func (g *Gate) Configure(c *config.Config, store credentials.Store) error {
	if c.Authentication == nil || c.Authentication.Open {
		g.rules.Store(nil)
		return nil
	}
	if store == nil {
		return errors.New("authentication: there is no source of credentials")
	}
	r, err := newRules(c, store)
	if err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	if before := g.rules.Load(); before != nil && before.calls.perMinute == r.calls.perMinute {
		r.calls = before.calls
	}
	g.rules.Store(r)
	return nil
}

// Checks are the policies of the Gate.
func (g *Gate) Checks() routing.Checks {
	return routing.Checks{
		Authorize: []routing.Policy{{Name: "authorize", Check: g.authorize}},
		Replayed:  g.replayed,
		Doubts:    g.doubts,
		Begins:    g.begins,
		Ends:      g.setups.end,
	}
}

// doubts is routing.Checks.Doubts. Of what another member was sent nobody here knows from
// where.
func (g *Gate) doubts(from netip.Addr) bool {
	r := g.rules.Load()
	return r != nil && r.trusted.find(from) == nil
}

// authorize is the policy.
func (g *Gate) authorize(t *routing.Tables, m *wire.Message, d *routing.Decision) routing.Verdict {
	r := g.rules.Load()
	if r == nil {
		return routing.Next
	}
	a := g.attempts.Get().(*attempt)
	a.rules, a.tables, a.m, a.d, a.asked = r, t, m, d, false
	v := a.decide()
	if v != routing.Wait {
		a.release()
	}
	return v
}

// Metrics of the Gate; a prometheus.Collector.
func (g *Gate) Metrics() *Metrics { return g.metrics }

// Bans are those in force, the latest 100 of them, the last one last.
func (g *Gate) Bans() []Ban { return g.failures.bans.current(time.Now()) }
