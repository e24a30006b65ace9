package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
)

// cluster is the proxies, and who plays the operator for them.
type cluster struct {
	network   *fleet.Network
	dir       string
	processes []*fleet.Process
	operator  *fleet.Operator
	publisher *late
	members   *members
	tally     *tally

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// probeTime is how long a proxy may take to say that it is ready: the kubelet's
// default for a probe.
const probeTime = time.Second

// drainSeconds bounds how long a proxy takes to hand over.
const drainSeconds = 5

// startCluster starts the proxies and waits until all have what they own. What
// it leaves behind is what close removes, also when it returns an error.
func startCluster(ctx context.Context, o *options, replicas int, dir string, t *tally) (*cluster, error) {
	network, err := fleet.Claim("", o.members)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	c := &cluster{network: network, dir: dir, tally: t, stop: stop}
	c.publisher = newLate(rand.New(rand.NewPCG(o.seed, 2)), o.reorder,
		func(content []byte) error { return fleet.ReplaceFile(fleet.MembersFile(dir), content) }, t.note)
	c.operator = &fleet.Operator{
		Advertise: network.Cluster().String(), Ring: config.Ring{Replicas: replicas, Seed: config.NewSeed()}.WithDefaults(),
		ProbeTimeout: probeTime, Write: c.publisher.publish, Changed: func(r membership.Result) { t.note("decided: %s", states(r.Set)) },
	}
	if err := c.launch(running, o); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func states(set *config.MemberSet) string {
	text := fmt.Sprintf("epoch %d", set.Epoch)
	for _, m := range set.Members {
		text += fmt.Sprintf(" %s=%s", m.Name, m.State)
	}
	return text
}

func (c *cluster) launch(ctx context.Context, o *options) error {
	err := fleet.WriteFiles(c.dir, config.Config{
		Cluster: "chaos", Domains: []string{domain}, Ports: c.network.Ports, LogLevel: o.logLevel, DrainSeconds: new(drainSeconds), UDPLoops: 1,
		Limits: config.Limits{Trusted: []string{"127.0.0.0/8"}},
		Egress: config.Egress{Contacts: config.ContactsAny}, // all phones are reached at one place, and register from another
	}, c.operator.Advertise, c.operator.Ring)
	if err != nil {
		return err
	}
	c.members = &members{rng: rand.New(rand.NewPCG(o.seed, 3))}
	for i := range o.members {
		p := fleet.Member(c.network, c.dir, i)
		p.Say = c.tally.note
		if p, err = fleet.Start(o.proxy, c.dir, p); err != nil {
			return err
		}
		c.processes = append(c.processes, p)
		c.members.list = append(c.members.list, member{name: p.Name, address: netip.AddrPortFrom(p.Address, uint16(c.network.Ports.SIP))})
	}
	c.operator.Processes = c.processes
	c.stopped.Go(func() { c.operator.Run(ctx, func(err error) { c.tally.note("cannot publish: %v", err) }) })
	if err := c.settle(ctx); err != nil {
		return err
	}
	for end := time.Now().Add(settleLimit); !c.allActive(); {
		if time.Now().After(end) {
			return errors.New("not all proxies become active")
		}
		if err := wait(ctx, lookTime); err != nil {
			return err
		}
	}
	c.publisher.delay(o.late)
	return nil
}

// allActive tells whether all are active in the published set.
func (c *cluster) allActive() bool {
	set := c.operator.Current()
	if set == nil || set.Epoch != c.publisher.epoch() || len(set.Members) != len(c.processes) {
		return false
	}
	for _, m := range set.Members {
		if m.State != config.Active {
			return false
		}
	}
	return true
}

// close ends all processes and frees the network.
func (c *cluster) close() {
	c.publisher.stop()
	c.stop()
	c.stopped.Wait()
	var wg sync.WaitGroup
	for _, p := range c.processes {
		wg.Go(func() { p.Stop(2 * time.Second) })
	}
	wg.Wait()
	c.network.Release()
}

// The pace of settle: how often the members are asked, and for how long they may
// take. A second look tells a state that lasts from one that was met in passing.
const (
	lookTime    = 50 * time.Millisecond
	looks       = 2
	settleLimit = time.Minute
)

// settle waits until every member runs, is ready, has all that it owns or will
// own, and has met all others.
func (c *cluster) settle(ctx context.Context) error {
	began := time.Now()
	for seen := 0; seen < looks; {
		why := c.unsettled(ctx)
		if seen++; why != nil {
			seen = 0
		}
		for _, p := range c.processes {
			if err := p.Broken(); err != nil {
				return err
			}
		}
		if why != nil && time.Since(began) > settleLimit {
			return fmt.Errorf("after %s: %w", settleLimit, why)
		}
		if err := wait(ctx, lookTime); err != nil {
			return err
		}
	}
	c.members.settle()
	return nil
}

// unsettled says who is not ready, and why.
func (c *cluster) unsettled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	for _, p := range c.processes {
		s, err := p.Status(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if !s.Ready || s.Partitions.Filling > 0 || s.Draining {
			return fmt.Errorf("%s is not ready: %s, %d partitions to fill", p.Name, s.NotReady, s.Partitions.Filling)
		}
		if len(s.Members) != len(c.processes) {
			return fmt.Errorf("%s knows %d members", p.Name, len(s.Members))
		}
		for _, m := range s.Members {
			if m.Liveness != "up" {
				return fmt.Errorf("to %s, %s is %s", p.Name, m.Name, m.Liveness)
			}
		}
	}
	return nil
}

// wait waits.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// steered is how long requests still come to a member that was asked to end: it
// serves them, and ends when there are no more.
const steered = time.Second

// befall lets a fault happen, and returns when it is over: the process runs
// again.
func (c *cluster) befall(ctx context.Context, f fault) error {
	p := c.processes[f.member]
	if err := wait(ctx, f.after); err != nil {
		return err
	}
	c.members.disturb(f.member, f.kind == kindRestart)
	c.tally.note("FAULT %s of %s, for %.2f s", f.kind, p.Name, f.length.Seconds())
	if f.kind == kindStop {
		return c.pause(ctx, p, f)
	}
	signal := syscall.SIGKILL
	if f.kind == kindRestart {
		signal = syscall.SIGTERM
	}
	_, before := p.Running()
	if _, err := p.End(signal, f.length); err != nil {
		return err
	}
	elsewhere := time.AfterFunc(steered, func() { c.members.setUp(f.member, false) })
	if err := c.await(ctx, p, func(_ bool, restarts int) bool { return restarts > before }); err != nil {
		return err
	}
	elsewhere.Stop()
	c.members.setUp(f.member, false)
	c.tally.note("%s has ended", p.Name)
	if err := c.await(ctx, p, func(alive bool, _ int) bool { return alive }); err != nil {
		return err
	}
	c.members.setUp(f.member, true)
	return nil
}

func (c *cluster) pause(ctx context.Context, p *fleet.Process, f fault) error {
	if err := p.Pause(); err != nil {
		return err
	}
	err := wait(ctx, f.length)
	if err := p.Resume(); err != nil {
		return err
	}
	c.members.setUp(f.member, true)
	c.tally.note("%s goes on", p.Name)
	return err
}

// endLimit is how long a process may take to end, or to be started.
const endLimit = 30 * time.Second

func (c *cluster) await(ctx context.Context, p *fleet.Process, ok func(alive bool, restarts int) bool) error {
	for end := time.Now().Add(endLimit); !ok(p.Running()); {
		if time.Now().After(end) {
			return fmt.Errorf("%s does not end, or does not start, within %s", p.Name, endLimit)
		}
		if err := wait(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
