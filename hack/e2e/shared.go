//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/demo/phones"
)

const (
	sharedCase = "shared"
	// sharedRingers are the phones that SIPp's calls are to, and sharedQuick those that answer
	// at once, to tell how soon phones can be called. One in sharedBehind of each is behind a NAT.
	sharedRingers, sharedQuick = 200, 50
	sharedBehind               = 5
	// natForgets is for how long the NAT keeps a translation that nothing goes through.
	natForgets = 30 * time.Second
	// awayFor is for how long the API server or etcd answers nobody.
	awayFor = 25 * time.Second
	// sharedProbe has the router notice a cut node after 0.3 s.
	sharedProbe = 100 * time.Millisecond
)

var (
	sharedVIP     = netip.MustParseAddrPort("203.0.113.31:5060")
	sharedCallers = netip.MustParseAddr("198.51.100.246")
	// natPhones is the first address behind the NAT, and natCallers SIPp's there.
	natPhones  = netip.MustParseAddr("192.168.77.1")
	natCallers = netip.MustParseAddr("192.168.77.250")
)

// shared is a SIPCluster whose nodes share its address, and phones of which a fifth are behind
// a NAT.
type shared struct {
	*env
	ringers, quick *phones.Load // parts of party.load
	open           bool         // nobody is behind the NAT
}

// behind tells whether the i-th phone is behind the NAT.
func (s *shared) behind(i int) bool { return !s.open && i%sharedBehind == sharedBehind-1 }

// playShared has calls ring while nodes, proxies and the control plane fail.
func playShared(ctx context.Context, e *env) (results []*result, err error) {
	if e.stage.o.ipv6 {
		return []*result{{Case: sharedCase, Title: "an address that nodes share", Skipped: "the phones are configured for IPv4 here"}}, nil
	}
	if err := e.kube.cluster.HideBehindNAT(ctx, natForgets); err != nil {
		return nil, err
	}
	// Its pods are on their nodes' network.
	if _, err := e.kube.kubectl(ctx, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=privileged", "--overwrite"); err != nil {
		return nil, err
	}
	for _, part := range []ringingPart{
		{sipCluster: "shared", at: sharedVIP, faults: sharedFaults("shared")},
		{sipCluster: "shared3", at: sharedVIP, faults: []fault{twoKilled("shared3")}},
	} {
		more, err := e.playRinging(ctx, part)
		results = append(results, more...)
		if err != nil {
			return results, fmt.Errorf("SIPCluster %s: %w", part.sipCluster, err)
		}
	}
	return results, nil
}

// ringingPart is the faults of one SIPCluster with calls that ring.
type ringingPart struct {
	sipCluster string
	at         netip.AddrPort
	faults     []fault
	open       bool // nobody is behind the NAT
	peer       bool // its losses fail nothing
}

// playRinging makes the SIPCluster and its phones, and plays the faults that are wanted.
func (e *env) playRinging(ctx context.Context, part ringingPart) (results []*result, err error) {
	name := part.sipCluster
	var chosen []fault
	for _, f := range part.faults {
		if e.stage.o.wantsPart(f.name) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	s := stack{
		name: sharedCase, sipCluster: name, manifest: "hack/e2e/manifests/" + name + ".yaml", families: []corev1.IPFamily{corev1.IPv4Protocol},
		probe: sharedProbe,
		party: party{proxy: part.at, passwords: e.party.passwords, in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step},
	}
	own := &shared{env: &env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: name}, party: &s.party}, open: part.open}
	s.party.notice = own.notice
	leave, err := own.arrive(ctx, &s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer s.party.leave()
	if err := own.gather(ctx); err != nil {
		return nil, err
	}
	for _, f := range chosen {
		r, err := own.play(ctx, f, part.peer)
		results = append(results, r)
		if err := own.goOn(ctx, r, err); err != nil {
			return results, fmt.Errorf("%s: %w", f.title, err)
		}
	}
	return results, nil
}

// gather binds and registers all phones.
func (s *shared) gather(ctx context.Context) error {
	p := s.party
	if err := eventually(ctx, installLimit, p.routed); err != nil {
		return err
	}
	direct := within(phonesAddress, sharedCallers)
	hidden := within(natPhones, natCallers)
	bound, hiddenPhones := 0, 0
	cfg := phones.Config{Domain: domain, Proxy: p.proxy}
	l, err := phones.NewLoad(sharedRingers+sharedQuick, cfg, func(cfg phones.Config) (one *phones.Phone, err error) {
		i := bound
		bound++
		cfg.Password = p.passwords[cfg.User]
		if i < sharedRingers {
			cfg.Ring = ringFor
		}
		in, at := p.in, direct(i)
		if s.behind(i) {
			hiddenPhones++
			in, at, cfg.KeepAlive = s.kube.cluster.InNAT, hidden(i), s.stage.o.keepAlive
		}
		cfg.Local = netip.AddrPortFrom(at, 0)
		err = in(func() error { one, err = phones.New(cfg); return err })
		return one, err
	})
	if err != nil {
		return err
	}
	p.load = l
	s.ringers, s.quick = &phones.Load{Phones: l.Phones[:sharedRingers]}, &phones.Load{Phones: l.Phones[sharedRingers:]}
	if o := l.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	c := s.quick.CallAll(ctx, phones.Calling{Order: s.quick.Everybody(), Patience: phones.AnswerLimit})
	if !c.Reached.Whole() || !c.Hungup.Whole() {
		return fmt.Errorf("before any fault: %v phones called, %v hung up: %v %v", c.Reached, c.Hungup, c.Reached.Errors, c.Hungup.Errors)
	}
	p.step("%d phones registered, %d behind a NAT; %d of them answer at once, the others after %v; slowest answer %v",
		len(l.Phones), hiddenPhones, sharedQuick, ringFor, c.Slowest.Round(time.Millisecond))
	return nil
}

// play makes the fault happen while calls ring, are up and are being set up.
func (s *shared) play(ctx context.Context, f fault, peer bool) (r *result, err error) {
	r = &result{Case: sharedCase, Title: f.title, Patience: patience, Peer: peer}
	if f.pick != nil {
		if f.victim, err = f.pick(ctx, s.env); err != nil {
			return r, err
		}
	}
	before, err := s.proxies.snapshot(ctx)
	if err != nil {
		return r, err
	}
	set, err := s.proxies.set(ctx)
	if err != nil {
		return r, err
	}
	var order []int
	order, r.Homed = s.quick.HomedFirst(set, idOf(set, f.victim))
	if f.mend != nil {
		defer func() {
			mend, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendLimit)
			defer cancel()
			err = errors.Join(err, f.mend(mend, s.env))
		}()
	}
	at, err := s.endure(ctx, f, order, r, func(at time.Time) { s.measure(ctx, f, before, at, r) })
	if err != nil {
		return r, err
	}
	if err := s.recover(ctx, f, before); err != nil {
		return r, err
	}
	r.Whole = time.Since(at)
	r.Registered = s.party.load.Registered(ctx)
	s.stage.step("%s: calls lost %d of %d; %s", f.title, r.Meanwhile.Reached.Of-r.Meanwhile.Reached.OK, r.Meanwhile.Reached.Of, r.line())
	return r, ctx.Err()
}

// endure has calls begin, makes the fault happen after a third of them, calls those who answer
// at once, measures, and waits for the end of all calls.
func (s *shared) endure(ctx context.Context, f fault, order []int, r *result, measure func(at time.Time)) (at time.Time, err error) {
	calling, err := s.begin(ctx)
	if err != nil {
		return at, err
	}
	defer calling.close()
	n := s.stage.o.ringingCalls
	s.stage.step("%d calls at %d/s have begun; %s follows after %d of them", n, ringRate, f.title, n/strikeAfter)
	select {
	case <-time.After(time.Duration(n/strikeAfter) * time.Second / ringRate):
	case <-ctx.Done():
		return at, ctx.Err()
	}
	var called sync.WaitGroup
	defer called.Wait()
	if err := f.do(ctx, s.env, f.victim, func(struck time.Time) {
		at = struck
		called.Go(func() { s.callQuick(ctx, order, struck, r) })
	}); err != nil {
		return at, err
	}
	called.Wait()
	measure(at)
	s.noticeResult(ctx, r, nil) // of that moment
	calls, err := calling.wait(ctx)
	if err != nil {
		return at, err
	}
	r.Meanwhile = phones.Called{Reached: calls, Hungup: calls}
	s.noticeResult(ctx, r, nil)
	return at, nil
}

// callQuick calls the phones that answer at once, all at once, and notes how it was with those
// behind the NAT.
func (s *shared) callQuick(ctx context.Context, order []int, at time.Time, r *result) {
	var mu sync.Mutex
	var hidden phones.Outcome
	var slowest time.Duration
	r.Called = s.quick.CallAll(ctx, phones.Calling{
		Order: order, Patience: patience, From: at, AtOnce: len(order),
		Done: func(i int, call *phones.Call, err error) {
			if !s.behind(sharedRingers + i) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if hidden.Count(err); call != nil {
				slowest = max(slowest, call.Answered.Sub(at))
			}
		},
	})
	r.CalledFor = time.Since(at)
	if s.open {
		return
	}
	r.Notes = append(r.Notes, fmt.Sprintf("%v phones behind a NAT called within %v, slowest %v", hidden, patience, slowest.Round(time.Millisecond)))
}

// diallers are the SIPps of one fault.
type diallers []*dialler

// begin has calls begin before the NAT and, a fifth, behind it.
func (s *shared) begin(ctx context.Context) (all diallers, err error) {
	n, rate := s.stage.o.ringingCalls, ringRate
	few, fewRate := n/sharedBehind, rate/sharedBehind
	if s.open {
		few, fewRate = 0, 0
	}
	for _, one := range []struct {
		from    post
		n, rate int
	}{
		{post{sharedCallers, s.kube.clientCommand}, n - few, rate - fewRate},
		{post{natCallers, s.kube.natCommand}, few, fewRate},
	} {
		if one.n == 0 {
			continue
		}
		d, err := dial(ctx, one.from, s.party.proxy, s.party.passwords[caller], s.ringers.Phones, one.n, one.rate)
		if err != nil {
			all.close()
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

func (all diallers) wait(ctx context.Context) (out phones.Outcome, err error) {
	for _, d := range all {
		o, failed := d.wait(ctx)
		out.Add(o)
		err = errors.Join(err, failed)
	}
	return out, err
}

func (all diallers) close() {
	for _, d := range all {
		d.close()
	}
}
