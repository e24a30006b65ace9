package demo

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// patience is how long a phone may take to be reached after the kill and still
// count as callable.
const patience = 2 * time.Second

// run plays the whole demo: start, register, call, kill, measure, report.
func run(ctx context.Context, o *options, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	line := newTimeline(out)
	c, err := startCluster(ctx, o, line)
	if err != nil {
		return err
	}
	defer c.close()
	line.add(time.Now(), "kubelet", "%d proxies run; the cluster's address is %s", len(c.processes), c.address)
	if o.page != "" {
		p, err := servePage(ctx, o.page, c, line)
		if err != nil {
			return err
		}
		defer p.close()
		fmt.Fprintf(out, "\n  live page: http://%s/\n\n", p.address)
	}
	l, err := newPhones(o.phones, domain, o.host(200), c.address)
	if err != nil {
		return err
	}
	defer l.close()
	s := &scenario{cluster: c, load: l, line: line, result: result{phones: o.phones, calls: o.calls}}
	if err := s.play(ctx); err != nil {
		return fmt.Errorf("%w (logs in %s)", err, c.keepLogs())
	}
	s.result.print(out)
	if s.result.lost() {
		return fmt.Errorf("%w (logs in %s)", errLost, c.keepLogs())
	}
	if o.keep > 0 {
		fmt.Fprintf(out, "The page stays for %s; Ctrl-C ends it.\n", o.keep)
		select {
		case <-time.After(o.keep):
		case <-ctx.Done():
		}
	}
	return nil
}

// scenario is the story of one kill.
type scenario struct {
	cluster *cluster
	load    *load
	line    *timeline
	result  result
	victim  *process
	rehomed []int // phones whose home the victim was
}

func (s *scenario) play(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.prepare, s.kill, s.measure, s.comeBack} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// prepare registers the phones and establishes the calls.
func (s *scenario) prepare(ctx context.Context) error {
	began := time.Now()
	n, err := s.load.register(ctx)
	if err != nil {
		return fmt.Errorf("%d of %d phones registered: %w", n, s.result.phones, err)
	}
	s.line.add(time.Now(), "phones", "%d registered in %s, each once and for an hour", n, time.Since(began).Round(time.Millisecond))
	if n, err = s.load.setUp(ctx, s.result.calls); err != nil {
		return fmt.Errorf("%d of %d calls set up: %w", n, s.result.calls, err)
	}
	s.line.add(time.Now(), "phones", "%d calls are up", n)
	return nil
}

// kill ends one proxy with SIGKILL while calls are up and notes what the
// others saw.
func (s *scenario) kill(ctx context.Context) error {
	s.victim = s.cluster.processes[0]
	s.rehomed = s.homedAt(s.victim.id)
	seen := map[string]uint64{}
	for _, p := range s.survivors() {
		events, err := p.events(ctx)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			seen[p.name] = events[len(events)-1].Seq
		}
	}
	at, err := s.victim.kill()
	if err != nil {
		return err
	}
	s.line.markKill(at)
	s.line.add(at, "demo", "SIGKILL to %s, home of %d of the %d phones", s.victim.name, len(s.rehomed), s.result.phones)
	s.result.victim, s.result.rehomed, s.result.killed = s.victim.name, len(s.rehomed), at
	go s.follow(ctx, seen)
	return nil
}

// measure calls every phone that lost its home, then the others, and hangs up
// the calls that were up.
func (s *scenario) measure(ctx context.Context) error {
	var mu sync.Mutex
	lostHome := map[int]bool{}
	order := append([]int(nil), s.rehomed...)
	for _, i := range s.rehomed {
		lostHome[i] = true
	}
	for i := range s.load.phones {
		if !lostHome[i] {
			order = append(order, i)
		}
	}
	first := true
	n, err := s.load.callAll(ctx, order, patience, func(i int, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		if first && lostHome[i] {
			first = false
			s.result.firstCall = at.Sub(s.result.killed)
			s.line.add(at, "phones", "first call to a re-homed phone answered (%s)", s.load.phones[i].User())
		}
	})
	s.result.callable = n
	s.note("%d of %d phones were called without registering again", n, s.result.phones, err)
	n, err = s.load.hangUp(ctx)
	s.result.byes = n
	s.note("%d of %d BYEs of the calls that were up were answered", n, s.result.calls, err)
	n, err = s.load.registered(ctx)
	s.result.registered = n
	s.note("%d of %d registrations are held", n, s.result.phones, err)
	return nil
}

func (s *scenario) note(format string, n, of int, err error) {
	text := fmt.Sprintf(format, n, of)
	if err != nil {
		text += fmt.Sprintf("; first failure: %v", err)
	}
	s.line.add(time.Now(), "phones", "%s", text)
}

// comeBack waits for the killed proxy, which returns empty, and calls everyone
// once more.
func (s *scenario) comeBack(ctx context.Context) error {
	if err := s.cluster.waitRing(ctx, len(s.cluster.processes)); err != nil {
		return err
	}
	s.line.add(time.Now(), "kubelet", "%s is back and in the ring", s.victim.name)
	n, err := s.load.callAll(ctx, indexes(len(s.load.phones)), patience, func(int, time.Time) {})
	s.result.callableAgain = n
	s.note("%d of %d phones were called again, with all proxies back", n, s.result.phones, err)
	return nil
}

func (s *scenario) survivors() []*process {
	var out []*process
	for _, p := range s.cluster.processes {
		if p != s.victim {
			out = append(out, p)
		}
	}
	return out
}

// homedAt lists the phones whose address-of-record has its home at the member.
func (s *scenario) homedAt(id uint32) []int {
	set := s.cluster.operator.current()
	var members []ring.Member
	for _, m := range set.Members {
		if m.State == config.Active {
			members = append(members, ring.Member{ID: m.ID, Zone: m.Zone})
		}
	}
	t := ring.Build(members, set.Ring.Partitions, set.Ring.Replicas)
	var out []int
	for i, p := range s.load.phones {
		if home, ok := t.Home(ring.Partition(ring.Hash([]byte(p.AOR())), t.Partitions())); ok && home == id {
			out = append(out, i)
		}
	}
	return out
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
