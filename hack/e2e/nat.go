//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/hack/kube/cluster"
)

const (
	natCase = "nat"
	// natHidden phones are behind the NAT, and natOpen call them.
	natHidden, natOpen = 60, 20
	// natTry bounds one call: longer than a call waits for a phone.
	natTry = 12 * time.Second
	// natPause is how long who is refused waits before the next call.
	natPause = 250 * time.Millisecond
	// natLate is how long after its keep-alive a phone must be callable.
	natLate = 2 * time.Second
)

var natVIP = netip.MustParseAddrPort("203.0.113.32:5060")

// natted is a SIPCluster behind a plain Service, and phones behind a NAT: the last of
// party.load call the others.
type natted struct{ *env }

// playNAT has phones behind a NAT be called after the loss of the proxy that they are
// reached through.
func playNAT(ctx context.Context, e *env) (results []*result, err error) {
	if e.stage.o.ipv6 {
		return []*result{{Case: natCase, Title: "phones behind a NAT", Skipped: "the phones are configured for IPv4 here"}}, nil
	}
	if err := e.kube.cluster.HideBehindNAT(ctx, natForgets); err != nil {
		return nil, err
	}
	s := stack{
		name: natCase, sipCluster: "nat", manifest: "hack/e2e/manifests/nat.yaml", families: []corev1.IPFamily{corev1.IPv4Protocol},
		party: party{proxy: natVIP, passwords: e.party.passwords, in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step},
	}
	n := &natted{&env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: s.sipCluster}, party: &s.party}}
	s.party.notice = n.notice
	leave, err := n.arrive(ctx, &s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer s.party.leave()
	if err := n.gather(ctx); err != nil {
		return nil, err
	}
	for _, f := range []fault{
		{name: "sigkill", title: "SIGKILL", victim: "nat-0", reborn: true, do: sigkill},
		cutOff("cut", "node cut off", false),
		{name: "rollout", title: "rolling update", rolled: true, do: rollingUpdate("nat")},
	} {
		if f.name = natCase + "-" + f.name; !e.stage.o.wantsPart(f.name) {
			continue
		}
		f.title, f.replicas = f.title+", phones behind a NAT", 3
		r, err := n.play(ctx, f)
		results = append(results, r)
		if err := n.goOn(ctx, r, err); err != nil {
			return results, fmt.Errorf("%s: %w", f.title, err)
		}
	}
	return results, nil
}

// routedToAll is nil if the router leads to every node: else no phone is reached through the
// proxy of one that joins later.
func (n *natted) routedToAll(ctx context.Context) error {
	vip := n.party.proxy.Addr().String()
	show, err := n.kube.cluster.MachineCommand(ctx, cluster.ClientSide, "ip", "route", "show", vip)
	if err != nil {
		return err
	}
	out, err := show.Output()
	if err != nil {
		return err
	}
	if ways, nodes := strings.Count(string(out), "via "), len(n.kube.cluster.Nodes()); ways != nodes {
		return fmt.Errorf("the route to %s leads to %d of %d nodes", vip, ways, nodes)
	}
	return nil
}

func (n *natted) gather(ctx context.Context) error {
	p := n.party
	if err := eventually(ctx, installLimit, n.routedToAll); err != nil {
		return err
	}
	direct, hidden := within(phonesAddress, sharedCallers), within(natPhones, natCallers)
	bound := 0
	l, err := phones.NewLoad(natHidden+natOpen, phones.Config{Domain: domain, Proxy: p.proxy}, func(cfg phones.Config) (one *phones.Phone, err error) {
		i := bound
		bound++
		cfg.Password = p.passwords[cfg.User]
		in, at := p.in, direct(i)
		if i < natHidden {
			in, at, cfg.KeepAlive = n.kube.cluster.InNAT, hidden(i), n.stage.o.keepAlive
		}
		cfg.Local = netip.AddrPortFrom(at, 0)
		err = in(func() error { one, err = phones.New(cfg); return err })
		return one, err
	})
	if err != nil {
		return err
	}
	p.load = l
	if o := l.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	c := p.callEverybody(ctx, phones.AnswerLimit)
	if !c.Reached.Whole() || !c.Hungup.Whole() {
		return fmt.Errorf("before any fault: %v phones called, %v hung up: %v %v", c.Reached, c.Hungup, c.Reached.Errors, c.Hungup.Errors)
	}
	p.step("%d phones behind a NAT registered and were called, with keep-alives every %v; slowest answer %v", natHidden, n.stage.o.keepAlive, c.Slowest.Round(time.Millisecond))
	return nil
}

// recall is what came of calling phones behind a NAT again and again until each answered.
type recall struct {
	mu              sync.Mutex
	called          phones.Called
	soon            int           // within 2 s of the fault
	slowest, latest time.Duration // after the fault, and after the keep-alive
	waited          phones.Outcome
	refused         int // calls that ended before the phone's keep-alive
}

func (n *natted) play(ctx context.Context, f fault) (r *result, err error) {
	r = &result{Case: natCase, Title: f.title, Patience: n.stage.o.keepAlive + natLate}
	if f.pick != nil {
		if f.victim, err = f.pick(ctx, n.env); err != nil {
			return r, err
		}
	}
	before, err := n.proxies.snapshot(ctx)
	if err != nil {
		return r, err
	}
	if f.mend != nil {
		defer func() {
			mend, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendLimit)
			defer cancel()
			err = errors.Join(err, f.mend(mend, n.env))
		}()
	}
	var at time.Time
	again := &recall{}
	var calling sync.WaitGroup
	defer calling.Wait()
	if err := f.do(ctx, n.env, f.victim, func(struck time.Time) {
		at = struck
		calling.Go(func() { n.callHidden(ctx, struck, again) })
	}); err != nil {
		return r, err
	}
	n.measure(ctx, f, before, at, r)
	calling.Wait()
	r.Called = again.called
	r.Called.Soon = phones.Outcome{OK: again.soon, Of: natHidden}
	r.CalledFor = time.Since(at)
	r.Notes = append(r.Notes, again.String())
	if !f.rolled && again.soon == natHidden {
		r.Problems = append(r.Problems, "no phone was reached by way of the proxy that was lost: nothing was tried")
	}
	if !again.waited.Whole() {
		r.Problems = append(append(r.Problems, fmt.Sprintf("%v calls that waited over the keep-alive of a phone delivered", again.waited)), again.waited.Errors...)
	}
	n.notice(ctx, "called until they answered", r.Called.Reached, r.Called.Hungup, again.waited)
	if err := n.recover(ctx, f, before); err != nil {
		return r, err
	}
	r.Whole = time.Since(at)
	if f.rolled { // each phone's proxy has gone since they were called
		again := &recall{}
		n.callHidden(ctx, time.Now(), again)
		r.Meanwhile = again.called
		r.Notes = append(r.Notes, "once all are replaced: "+again.String())
		if !again.waited.Whole() {
			r.Problems = append(r.Problems, fmt.Sprintf("%v calls that waited over the keep-alive of a phone delivered once all are replaced", again.waited))
		}
	}
	r.Registered = n.party.load.Registered(ctx)
	n.stage.step("%s: %s; %s", f.title, again, r.line())
	return r, ctx.Err()
}

// callHidden calls all phones behind the NAT, all at once, until each has answered or is late.
func (n *natted) callHidden(ctx context.Context, at time.Time, into *recall) {
	var calling sync.WaitGroup
	for i := range natHidden {
		calling.Go(func() { n.until(ctx, i, at, into) })
	}
	calling.Wait()
}

// until calls a phone behind the NAT until it answers, or its time is over: that of the
// keep-alive that follows the fault, and a little.
func (n *natted) until(ctx context.Context, i int, at time.Time, into *recall) {
	callee := n.party.load.Phones[i]
	due := callee.NextKeepAlive(at)
	caller := n.party.load.Phones[natHidden+i%natOpen]
	for {
		began := time.Now()
		trying, cancel := context.WithTimeout(ctx, natTry)
		call, err := caller.Dial(trying, callee.User())
		cancel()
		ended := time.Now()
		into.mu.Lock()
		over := began.Before(due) && ended.After(due) // the keep-alive came while it waited
		waited := over && (call != nil && call.Queued || phones.Queued(err) || err != nil)
		if waited {
			into.waited.Count(err)
		}
		if err == nil {
			into.note(at, due, ended)
			into.mu.Unlock()
			bye, cancel := context.WithTimeout(ctx, phones.AnswerLimit)
			defer cancel()
			err = call.ByeTo(bye, callee)
			into.mu.Lock()
			into.called.Hungup.Count(err)
			into.mu.Unlock()
			return
		}
		if ended.After(due.Add(natLate)) || ctx.Err() != nil {
			into.called.Reached.Count(fmt.Errorf("%s, whose keep-alive was due %v after the fault: %w", callee.User(), due.Sub(at).Round(time.Millisecond), err))
			into.mu.Unlock()
			return
		}
		into.refused++
		into.mu.Unlock()
		select {
		case <-time.After(natPause): // as who dials again does
		case <-ctx.Done():
		}
	}
}

// note takes in a phone that answered.
func (r *recall) note(at, due, answered time.Time) {
	took := answered.Sub(at)
	r.slowest = max(r.slowest, took)
	r.called.Slowest = r.slowest
	if took <= phones.Soon {
		r.soon++
	}
	var err error
	if late := answered.Sub(due); late > 0 && took > phones.Soon {
		if r.latest = max(r.latest, late); late > natLate {
			err = fmt.Errorf("a phone answered %v after its keep-alive", late.Round(time.Millisecond))
		}
	}
	r.called.Reached.Count(err)
}

func (r *recall) String() string {
	return fmt.Sprintf("%v phones behind a NAT called no later than %v after the keep-alive that followed, %d of them within 2 s of the fault; slowest %v after the fault, %v after its keep-alive; %v calls that waited for one delivered; %d ended before it",
		r.called.Reached, natLate, r.soon, r.slowest.Round(time.Millisecond), r.latest.Round(time.Millisecond), r.waited, r.refused)
}
