package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/peer"
)

// scenario is the story of one kill.
type scenario struct {
	cluster *cluster
	load    *phones.Load
	line    *timeline
	result  result
	calls   []*phones.Call // up when the proxy is killed
	victim  *fleet.Process
	order   []int // all phones; those whose home the victim was come first
	ringing ringing

	following sync.WaitGroup
}

func newScenario(d *demo, o *options) *scenario {
	return &scenario{
		cluster: d.cluster, load: d.load, line: d.line, calls: make([]*phones.Call, o.calls),
		ringing: ringing{load: d.ringing, callers: d.load.Phones, patience: o.patience},
		result:  result{phones: o.phones, calls: o.calls, patience: o.patience, over: o.over},
	}
}

func (s *scenario) play(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.ringing.dialled.Wait()
	defer s.following.Wait()
	defer cancel()
	for _, step := range []func(context.Context) error{s.prepare, s.kill, s.measure, s.comeBack} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return s.cluster.broken()
}

// prepare registers the phones and establishes the calls.
func (s *scenario) prepare(ctx context.Context) error {
	began := time.Now()
	// For an hour: nothing in the demo registers again.
	if n := s.load.Register(ctx); !n.Whole() {
		return fmt.Errorf("%d of %d phones registered: %s", n.OK, n.Of, n.Errors[0])
	}
	s.line.fact(fact{Name: "phones registered", Value: fmt.Sprint(s.result.phones)})
	s.line.add(time.Now(), "phones", "%d registered in %s, each for an hour, after %d challenges", s.result.phones, time.Since(began).Round(time.Millisecond), s.load.Challenged())
	if n := s.setUp(ctx); !n.Whole() {
		return fmt.Errorf("%d of %d calls set up: %s", n.OK, n.Of, n.Errors[0])
	}
	s.line.fact(fact{Name: "calls set up", Value: fmt.Sprint(s.result.calls)})
	s.line.add(time.Now(), "phones", "%d calls are up", s.result.calls)
	return nil
}

// setUp establishes the calls, from the first phones to those that follow.
func (s *scenario) setUp(ctx context.Context) phones.Outcome {
	return phones.Each(ctx, len(s.calls), func(ctx context.Context, i int) (err error) {
		s.calls[i], err = s.load.Phones[i].Dial(ctx, s.callee(i).User())
		return err
	})
}

func (s *scenario) callee(i int) *phones.Phone {
	return s.load.Phones[len(s.calls)+callee(i, len(s.calls))]
}

// hangUp sends the BYE of every call that was up, from either side.
func (s *scenario) hangUp(ctx context.Context) phones.Outcome {
	return phones.Each(ctx, len(s.calls), func(ctx context.Context, i int) error {
		if byCallee(i) {
			return s.callee(i).HangUpOn(ctx, s.calls[i])
		}
		return s.calls[i].ByeTo(ctx, s.callee(i))
	})
}

// kill ends one proxy with SIGKILL while calls are up, and follows what the
// others see.
func (s *scenario) kill(ctx context.Context) error {
	s.victim = s.cluster.processes[0]
	s.order, s.result.rehomed = s.load.HomedFirst(s.cluster.operator.Current(), s.victim.ID)
	seen := map[string]uint64{}
	for _, p := range s.survivors() {
		events, err := p.Events(ctx)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			seen[p.Name] = events[len(events)-1].Seq
		}
	}
	if err := s.ringing.begin(ctx); err != nil {
		return err
	}
	at, err := s.victim.Kill()
	if err != nil {
		return err
	}
	s.line.markKill(at)
	s.line.add(at, "phones", "%d calls ring, at further phones that take %v to answer", s.ringing.count(), ringFor)
	s.line.saw(at, "demo", peer.Event{Kind: eventKilled, Member: s.victim.ID}, "SIGKILL to %s, home of %d of the %d phones", s.victim.Name, s.result.rehomed, s.result.phones)
	s.result.victim, s.result.killed = s.victim.Name, at
	s.following.Go(func() { s.follow(ctx, seen) })
	return nil
}

// callsAtOnce is how many calls are tried at the same time after the kill: most of those
// to phones without a connection do nothing but wait.
const callsAtOnce = 100

// measure calls every phone that lost its home, then the others, and at the same time
// hangs up the calls that were up: some phones have no connection then. It counts and
// goes on, whatever was lost.
func (s *scenario) measure(ctx context.Context) (err error) {
	var byes phones.Outcome
	var hangingUp sync.WaitGroup
	hangingUp.Go(func() { byes = s.hangUp(ctx) })
	defer hangingUp.Wait()
	how := phones.Calling{Answered: s.firstRehomed(), Done: s.countEach(), AtOnce: callsAtOnce}
	if s.result.callable, err = s.callAll(ctx, "were called after the kill", how); err != nil {
		return err
	}
	s.countReconnected()
	hangingUp.Wait()
	rung := s.ringing.end(ctx)
	s.result.ringing.Of = rung.Of
	if s.result.ringing.OK, err = s.note(ctx, "calls that rang at the kill were answered and hung up", rung); err != nil {
		return err
	}
	if s.result.byes, err = s.note(ctx, "BYEs of the calls that were up were answered", byes); err != nil {
		return err
	}
	s.result.registered, err = s.note(ctx, "registrations are held", s.load.Registered(ctx))
	return err
}

// firstRehomed notes when the first call to a phone that lost its home was
// answered.
func (s *scenario) firstRehomed() func(i int, at time.Time) {
	lostHome := map[int]bool{}
	for _, i := range s.order[:s.result.rehomed] {
		lostHome[i] = true
	}
	var once sync.Once
	return func(i int, at time.Time) {
		if !lostHome[i] {
			return
		}
		once.Do(func() {
			s.result.firstCall = at.Sub(s.result.killed)
			s.line.add(at, "phones", "first call to a re-homed phone answered (%s)", s.load.Phones[i].User())
		})
	}
}

// countEach counts the calls by what the phone is on, and those that waited.
func (s *scenario) countEach() func(int, *phones.Call, error) {
	var mu sync.Mutex
	return func(i int, call *phones.Call, err error) {
		mu.Lock()
		defer mu.Unlock()
		p, r := s.load.Phones[i], &s.result
		r.onEach[p.Transport()].Count(err)
		if call != nil && call.Queued || phones.Queued(err) {
			r.waited.Count(err)
		}
		if _, back := p.Reconnected(); call != nil && call.Queued && !back.IsZero() {
			r.slowestWaited = max(r.slowestWaited, call.Answered.Sub(back)) // it may have answered before it knew
		}
	}
}

// countReconnected counts the phones that lost their connection, and are back.
func (s *scenario) countReconnected() {
	r := &s.result
	for _, p := range s.load.Phones {
		ended, back := p.Reconnected()
		if ended == 0 {
			continue
		}
		if r.reconnected.Of++; back.After(r.killed) {
			r.reconnected.OK++
			r.slowestBack = max(r.slowestBack, back.Sub(r.killed))
		}
	}
}

// callAll counts the phones that were reached and whose call could be hung up.
func (s *scenario) callAll(ctx context.Context, what string, how phones.Calling) (int, error) {
	how.Order, how.Patience = s.order, s.result.patience
	c := s.load.CallAll(ctx, how)
	n := c.Hungup
	n.Of, n.Errors = c.Reached.Of, append(c.Reached.Errors, n.Errors...)
	return s.note(ctx, "phones "+what, n)
}

// note puts a count into the timeline. It is an error, and no loss, when the
// context ended before everything was tried.
func (s *scenario) note(ctx context.Context, what string, n phones.Outcome) (int, error) {
	if err := ctx.Err(); err != nil {
		return n.OK, err
	}
	text := fmt.Sprintf("%d of %d %s", n.OK, n.Of, what)
	if len(n.Errors) > 0 {
		text += "; first failure: " + n.Errors[0]
	}
	s.line.add(time.Now(), "phones", "%s", text)
	s.line.fact(fact{Name: what, Value: fmt.Sprintf("%d of %d", n.OK, n.Of), Bad: n.OK < n.Of})
	return n.OK, nil
}

// comeBack waits for the killed proxy, which returns empty, and calls everyone
// once more.
func (s *scenario) comeBack(ctx context.Context) error {
	if err := s.cluster.waitRing(ctx, len(s.cluster.processes)); err != nil {
		return err
	}
	s.line.add(time.Now(), "kubelet", "%s is back and in the ring", s.victim.Name)
	n, err := s.callAll(ctx, "were called again, with all proxies back", phones.Calling{})
	s.result.callableAgain = n
	return err
}

func (s *scenario) survivors() []*fleet.Process {
	var out []*fleet.Process
	for _, p := range s.cluster.processes {
		if p != s.victim {
			out = append(out, p)
		}
	}
	return out
}
