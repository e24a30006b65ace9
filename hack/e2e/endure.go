//go:build linux

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// episode is a fault and what is known of it.
type episode struct {
	title string
	calls int
	// order is all phones; those whose home is lost come first.
	order    []int
	patience time.Duration
	// strike makes the fault happen. It calls struck as soon as that may have
	// happened, with the earliest moment at which it did.
	strike func(ctx context.Context, struck func(at time.Time)) error
	// measure reads how long the cluster took.
	measure func(ctx context.Context, at time.Time, r *result)
	// recover ends the fault and waits until the ring is whole.
	recover func(ctx context.Context) error
}

// endure sets calls up and makes the fault happen. From that moment on every
// phone and baresip are called, all at once the first time, then in rounds until
// the ring is whole, and calls are hung up: a third at once, others with every
// round, the rest when the ring is whole.
func (p *party) endure(ctx context.Context, e episode, r *result) error {
	calls, err := p.hold(ctx, e.calls)
	if err != nil {
		return err
	}
	defer calls.close()
	p.step("%d calls are up; now: %s", e.calls, e.title)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &storm{party: p, episode: e, calls: calls, result: r, whole: make(chan struct{})}
	defer s.running.Wait() // for what struck began, if strike fails then
	defer cancel()
	if err := e.strike(ctx, func(at time.Time) { s.begin(ctx, at) }); err != nil {
		return err
	}
	s.first.Wait()
	r.Registered = p.load.Registered(ctx)
	e.measure(ctx, s.at, r)
	p.step("%s", r.line())
	err = e.recover(ctx)
	if err == nil {
		r.Whole = time.Since(s.at)
	}
	close(s.whole)
	s.running.Wait()
	if err != nil {
		return err
	}
	r.BYEsAfter = calls.hangUp(ctx, s.left)
	p.noticed(ctx, "BYEs after that", r.BYEsAfter)
	if !r.Registered.Whole() { // not found, for a time that load makes long, or gone for good
		r.Problems = append(r.Problems, fmt.Sprintf("registrations held when the ring is whole again: %v", p.load.Registered(ctx)))
	}
	if again := p.registeredOnce(); again != nil {
		r.Problems = append(r.Problems, again.Error())
	}
	if !r.byes().Whole() {
		r.Problems = append(r.Problems, calls.problems()...)
	}
	return ctx.Err()
}

// noticed tells whoever wants to know.
func (p *party) noticed(ctx context.Context, what string, outcomes ...phones.Outcome) {
	if p.notice != nil {
		p.notice(ctx, what, outcomes...)
	}
}

// storm is what goes on from the fault until the ring is whole. What it counts
// belongs to the goroutine that counts it until first or running is waited for.
type storm struct {
	party   *party
	episode episode
	calls   *held
	result  *result

	at      time.Time
	left    []string // calls that are up
	whole   chan struct{}
	first   sync.WaitGroup // the first calls, and the first BYEs
	running sync.WaitGroup // all
}

// begin calls and hangs up at once. It returns while that goes on.
func (s *storm) begin(ctx context.Context, at time.Time) {
	s.at = at
	ids := s.calls.twin.calls()
	third := (len(ids) + 2) / 3
	s.left = ids[third:]
	for _, f := range []func(){
		func() {
			s.result.Called = s.party.load.CallAll(ctx, phones.Calling{
				Order: s.episode.order, Patience: s.episode.patience, From: at, AtOnce: len(s.episode.order),
			})
			s.result.CalledFor = time.Since(at)
			s.party.noticed(ctx, "called at the fault", s.result.Called.Reached, s.result.Called.Hungup)
		},
		func() { s.result.Desk.Count(s.party.callDesk(ctx, at, s.episode.patience)) },
		func() {
			s.result.BYEsAtOnce = s.calls.hangUp(ctx, ids[:third])
			s.party.noticed(ctx, "BYEs at the fault", s.result.BYEsAtOnce)
		},
	} {
		s.first.Go(f)
	}
	s.running.Go(func() { s.first.Wait(); s.rounds(ctx) })
}

// roundEvery is how often everybody is called until the ring is whole: a load
// that leaves a small machine room for what it waits for.
const roundEvery = time.Second

// rounds go on until the ring is whole: one at least, however soon that is.
func (s *storm) rounds(ctx context.Context) {
	next := time.NewTicker(roundEvery)
	defer next.Stop()
	for {
		s.round(ctx)
		select {
		case <-s.whole:
			return
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// round calls everybody, and hangs up an eighth of the calls that are left: a
// fault that takes long has BYEs for long, and there are some after it.
func (s *storm) round(ctx context.Context) {
	n := len(s.left) / 8
	var byes phones.Outcome
	var hangingUp sync.WaitGroup
	some := s.left[:n]
	s.left = s.left[n:]
	hangingUp.Go(func() {
		byes = s.calls.hangUp(ctx, some)
		s.party.noticed(ctx, "BYEs until whole again", byes)
	})
	called := s.party.callEverybody(ctx, s.episode.patience)
	s.party.noticed(ctx, "called until whole again", called.Reached, called.Hungup)
	s.result.Meanwhile.Add(called)
	s.result.Desk.Count(s.party.callDesk(ctx, time.Now(), s.episode.patience))
	hangingUp.Wait()
	s.result.BYEsMeanwhile.Add(byes)
}
