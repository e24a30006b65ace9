//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/proxy/digest"
)

const (
	digestCase = "digest"
	// askedPhones is how many phones those cases have that are about who may register.
	askedPhones = 60
	// mostChallenges of a phone that has one member alone: of its first REGISTER, and of
	// its first INVITE. Of several it may get one more.
	mostChallenges = 2
)

var askedVIP = netip.MustParseAddrPort("203.0.113.22:5060")

// interviewed is a SIPCluster of its own with phones that know one algorithm each, half of them
// SHA-256 and half MD5, and linphone. Each request of the phones goes through a proxy by
// chance.
type interviewed struct {
	*env
	stack  stack
	spread *spread
	soft   *linphone
	callee *phones.Phone // whom linphone calls
	result *result
}

// playDigest has a proxy die while phones that are asked who they are register and call.
// Then somebody tries with what they have seen of it, and with wrong passwords.
func playDigest(ctx context.Context, e *env) ([]*result, error) {
	a := e.interviewed(stack{
		name: digestCase, title: "SIGKILL, SHA-256 and MD5", sipCluster: "asked", manifest: "hack/e2e/manifests/digest.yaml",
		families: []corev1.IPFamily{corev1.IPv4Protocol}, party: party{proxy: askedVIP},
	})
	err := a.among(ctx, func(ctx context.Context) error {
		b := newBustle(ctx, a.party.load)
		err := a.loses(ctx, b)
		b.end()
		b.note(a.result)
		return err
	})
	return []*result{a.result}, err
}

func (e *env) interviewed(s stack) *interviewed {
	a := &interviewed{stack: s, result: &result{Case: s.name, Title: s.title, Patience: patience}}
	a.stack.party = party{
		proxy: s.party.proxy, passwords: e.party.passwords,
		in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step,
	}
	a.env = &env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: s.sipCluster}, party: &a.stack.party}
	return a
}

// among makes the SIPCluster, has everybody register and plays; then all are asked for
// what became of them, and all goes.
func (a *interviewed) among(ctx context.Context, play func(context.Context) error) (err error) {
	if a.skipped() {
		return nil
	}
	leave, err := a.arrive(ctx, a.stack)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer func() {
		if (err != nil || a.result.failed()) && ctx.Err() == nil {
			err = errors.Join(err, a.stage.keepLogs(func(dir string) error { return a.saveLogs(ctx, dir) }))
		}
	}()
	own, err := a.proxies.addresses(ctx, a.party.proxy)
	if err != nil {
		return err
	}
	a.spread = newSpread(own)
	defer a.part()
	if err := a.gather(ctx); err != nil {
		return err
	}
	if err := play(ctx); err != nil {
		return err
	}
	a.result.Registered = a.party.load.Registered(ctx)
	a.challenged()
	a.party.throughEach(ctx, own, a.result)
	return nil
}

// skipped says why it is not played, if it is not.
func (a *interviewed) skipped() bool {
	switch {
	case !a.kube.cluster.Local():
		a.result.Skipped = cluster.ErrNotLocal.Error()
	case a.stage.o.ipv6:
		a.result.Skipped = "linphone is configured for IPv4 here"
	}
	return a.result.Skipped != ""
}

// phones is how many there are.
func (a *interviewed) phones() int { return min(askedPhones, a.stage.o.phones) }

// algorithmOf is the only one that a phone knows.
func algorithmOf(i int) digest.Algorithm {
	return []digest.Algorithm{digest.SHA256, digest.MD5}[i%2]
}

// route has each request of the phones go to a proxy by chance.
func (a *interviewed) route() {
	a.callee.SetRoute(a.spread.pick)
	for _, p := range a.party.load.Phones {
		p.SetRoute(a.spread.pick)
	}
}

// gather has everybody register once, and linphone call and be called.
func (a *interviewed) gather(ctx context.Context) (err error) {
	at := within(phonesAddress, softAddress)
	one := func(cfg phones.Config, i int) (p *phones.Phone, err error) {
		cfg.Password, cfg.Local = a.party.passwords[cfg.User], netip.AddrPortFrom(at(i), 0)
		err = a.party.in(func() error { p, err = phones.New(cfg); return err })
		return p, err
	}
	n := 0 // those that are bound
	if a.party.load, err = phones.NewLoad(a.phones(), phones.Config{Domain: domain, Proxy: a.party.proxy}, func(cfg phones.Config) (*phones.Phone, error) {
		cfg.Algorithm = algorithmOf(n).String()
		n++
		return one(cfg, n)
	}); err != nil {
		return err
	}
	if a.callee, err = one(phones.Config{User: newcomerUser(0), Domain: domain, Proxy: a.party.proxy}, n+1); err != nil {
		return err
	}
	a.route()
	if err := eventually(ctx, installLimit, a.party.routed); err != nil {
		return err
	}
	if o := a.party.load.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	if err := a.callee.Register(ctx, 3600); err != nil {
		return err
	}
	if a.soft, err = a.party.startLinphone(ctx, a.party.proxy, a.party.passwords[guest]); err != nil {
		return err
	}
	if err := a.soft.calls(ctx, a.callee); err != nil {
		return err
	}
	a.stage.step("%d phones registered, half with SHA-256 and half with MD5; linphone registered, was called by a phone and called one", n)
	return nil
}

func (a *interviewed) part() {
	if a.soft != nil {
		a.soft.stop()
	}
	if a.callee != nil {
		a.callee.Close()
	}
	a.party.leave()
}

// loses has a proxy die, whose phones' REGISTERs somebody has seen.
func (a *interviewed) loses(ctx context.Context, b *bustle) error {
	victim := a.proxies.name + "-0"
	before, err := a.proxies.snapshot(ctx)
	if err != nil {
		return err
	}
	set, err := a.proxies.set(ctx)
	if err != nil {
		return err
	}
	order, homed := a.party.load.HomedFirst(set, idOf(set, victim))
	a.result.Homed = homed
	if err := b.further(ctx, 8); err != nil {
		return err
	}
	seen, err := a.eavesdrop(ctx, b, order)
	if err != nil {
		return err
	}
	f := fault{title: a.result.Title, victim: victim, replicas: 3, reborn: true}
	var at time.Time
	if err := sigkill(ctx, a.env, victim, func(when time.Time) { at = when }); err != nil {
		return err
	}
	a.spread.without(victim)
	b.lost()
	a.result.Called = a.party.load.CallAll(ctx, phones.Calling{Order: order, Patience: patience, From: at, AtOnce: len(order)})
	a.result.CalledFor = time.Since(at)
	a.result.Desk.Count(a.party.callGuest(ctx, patience))
	a.measure(ctx, f, before, at, a.result)
	a.stage.step("%s", a.result.line())
	if err := a.recover(ctx, f, before); err != nil {
		return err
	}
	a.result.Whole = time.Since(at)
	a.spread.without("")
	if err := b.further(ctx, 8); err != nil {
		return err
	}
	a.result.Desk.Count(a.party.callGuest(ctx, patience))
	a.result.Desk.Count(a.soft.calls(ctx, a.callee))
	a.guess(ctx)
	return a.replay(ctx, seen)
}

// challenged says how often phones were asked who they are.
func (a *interviewed) challenged() {
	var most int64
	for _, p := range a.party.load.Phones {
		if n := p.Challenged(); n > mostChallenges+1 {
			a.result.Problems = append(a.result.Problems, fmt.Sprintf("%s was challenged %d times", p.User(), n))
		}
		most = max(most, p.Challenged())
	}
	soft, err := a.soft.challenged()
	if err != nil || soft > 1+a.soft.made+1 { // it takes no nonce to the next call
		a.result.Problems = append(a.result.Problems, fmt.Sprintf("linphone was challenged %d times, %v", soft, err))
	}
	a.result.Notes = append(a.result.Notes, fmt.Sprintf("%d phones were challenged %d times, none more than %d times; linphone, which registered and made %d calls, %d times",
		len(a.party.load.Phones), a.party.load.Challenged(), most, a.soft.made, soft))
}
