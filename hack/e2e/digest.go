//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
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

// offer is what a SIPCluster asks phones by.
type offer struct {
	title      string
	suffix     string // of the names of SIPCluster and manifest
	algorithms []digest.Algorithm
}

// offers are both algorithms, and the one alone that older clients know.
func offers() []offer {
	return []offer{
		{title: "SHA-256 and MD5", algorithms: []digest.Algorithm{digest.SHA256, digest.MD5}},
		{title: "MD5 alone", suffix: "-md5", algorithms: []digest.Algorithm{digest.MD5}},
	}
}

// interviewed is a SIPCluster of its own with phones that know one algorithm each, of those
// that are offered in turn, and clients that others wrote. Each request goes through a proxy by chance.
type interviewed struct {
	*env
	stack      stack
	algorithms []digest.Algorithm
	// balanced: phones go by the balancer too.
	balanced bool
	spread   *spread
	regulars *regulars
	called   []*phones.Phone // by linphone, by baresip, and by nobody; and by no phone
	result   *result
}

// playDigest has a proxy die while phones that are asked who they are register and call.
// Then somebody tries with what they have seen of it, and with wrong passwords.
func playDigest(ctx context.Context, e *env) (results []*result, err error) {
	for _, o := range offers() {
		a := e.interviewed(o, stack{name: digestCase, title: "SIGKILL, " + o.title, sipCluster: "asked", manifest: "hack/e2e/manifests/digest", party: party{proxy: askedVIP}})
		results = append(results, a.result)
		if err := a.among(ctx, func(ctx context.Context) error { return a.bustling(ctx, a.loses) }); err != nil {
			return results, fmt.Errorf("%s: %w", a.stack.title, err)
		}
	}
	return results, nil
}

func (e *env) interviewed(o offer, s stack) *interviewed {
	s.sipCluster, s.manifest, s.families = s.sipCluster+o.suffix, s.manifest+o.suffix+".yaml", []corev1.IPFamily{corev1.IPv4Protocol}
	a := &interviewed{stack: s, algorithms: o.algorithms, result: &result{Case: s.name, Title: s.title, Patience: patience}}
	a.stack.party = party{
		proxy: s.party.proxy, passwords: e.party.passwords, softAt: regularSoft, expires: regularExpires,
		in: e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step,
	}
	a.env = &env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: s.sipCluster}, party: &a.stack.party}
	return a
}

// bustling plays while everybody registers and calls.
func (a *interviewed) bustling(ctx context.Context, play func(context.Context, *bustle) error) error {
	b := newBustle(ctx, a.party.load, a.result.Patience)
	a.regulars.bustles(ctx, b)
	err := play(ctx, b)
	b.end()
	err = errors.Join(err, a.regulars.rest(ctx))
	b.note(a.result)
	a.regulars.judge(a.result, len(a.spread.own))
	return err
}

// among makes the SIPCluster, has everybody register and plays; then all are asked for
// what became of them, and all goes.
func (a *interviewed) among(ctx context.Context, play func(context.Context) error) (err error) {
	if a.skipped() {
		return nil
	}
	leave, err := a.arrive(ctx, &a.stack)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer func() {
		if (err != nil || a.result.failed()) && ctx.Err() == nil {
			err = errors.Join(err, a.stage.keepLogs(func(dir string) error { return a.keep(ctx, dir) }))
		}
	}()
	own, err := a.proxies.addresses(ctx, a.party.proxy)
	if err != nil {
		return err
	}
	a.spread = newSpread(own)
	defer func() { err = errors.Join(err, a.part()) }()
	if err := a.gather(ctx); err != nil {
		return err
	}
	if err := play(ctx); err != nil {
		return err
	}
	a.result.Registered = a.party.load.Registered(ctx)
	a.challenged()
	if own, err = a.proxies.addresses(ctx, a.party.proxy); err != nil {
		return err
	}
	a.party.throughEach(ctx, own, a.result)
	return nil
}

// keep writes the logs of proxies and clients.
func (a *interviewed) keep(ctx context.Context, dir string) error {
	err := a.saveLogs(ctx, dir)
	if a.regulars != nil {
		err = errors.Join(err, a.regulars.saveLogs(filepath.Join(dir, a.proxies.name)))
	}
	return err
}

// skipped says why it is not played, if it is not.
func (a *interviewed) skipped() bool {
	switch {
	case !a.kube.cluster.Local():
		a.result.Skipped = cluster.ErrNotLocal.Error()
	case a.stage.o.ipv6:
		a.result.Skipped = "the clients are configured for IPv4 here"
	}
	return a.result.Skipped != ""
}

// phones is how many there are.
func (a *interviewed) phones() int { return min(askedPhones, a.stage.o.phones) }

// algorithmOf is the only one that a phone knows.
func (a *interviewed) algorithmOf(i int) digest.Algorithm { return a.algorithms[i%len(a.algorithms)] }

// alone: nobody is asked by another one.
func (a *interviewed) alone(one digest.Algorithm) bool {
	return len(a.algorithms) == 1 && a.algorithms[0] == one
}

// route has each request of the phones go to a proxy by chance.
func (a *interviewed) route() {
	for _, p := range slices.Concat(a.party.load.Phones, a.called) {
		if !a.balanced {
			p.SetRoute(a.spread.pick)
		}
	}
}

// gather has everybody register.
func (a *interviewed) gather(ctx context.Context) (err error) {
	at := within(phonesAddress, softAddress)
	one := func(cfg phones.Config, i int) (p *phones.Phone, err error) {
		cfg.Password, cfg.Local = a.party.passwords[cfg.User], netip.AddrPortFrom(at(i), 0)
		err = a.party.in(func() error { p, err = phones.New(cfg); return err })
		return p, err
	}
	n := 0 // those that are bound
	if a.party.load, err = phones.NewLoad(a.phones(), phones.Config{Domain: domain, Proxy: a.party.proxy}, func(cfg phones.Config) (*phones.Phone, error) {
		cfg.Algorithm = a.algorithmOf(n).String()
		n++
		return one(cfg, n)
	}); err != nil {
		return err
	}
	for i, user := range []string{newcomerUser(0), newcomerUser(2), newcomerUser(1)} {
		p, err := one(phones.Config{User: user, Domain: domain, Proxy: a.party.proxy}, n+1+i)
		if err != nil {
			return err
		}
		a.called = append(a.called, p)
	}
	a.route()
	if err := eventually(ctx, installLimit, a.party.routed); err != nil {
		return err
	}
	if o := a.party.load.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	for _, p := range a.called {
		if err := p.Register(ctx, 3600); err != nil {
			return err
		}
	}
	a.stage.step("%d phones registered, each with one algorithm: %v", n, a.algorithms)
	return a.gatherRegulars(ctx)
}

func (a *interviewed) part() error {
	var err error
	if a.regulars != nil {
		err = a.regulars.leave()
	}
	for _, p := range a.called {
		p.Close()
	}
	a.party.leave()
	return err
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
	known := a.regulars.overhear()
	f := fault{title: a.result.Title, victim: victim, replicas: 3, reborn: true}
	a.regulars.balancer.keep(victim)
	defer a.regulars.balancer.keep("")
	var at time.Time
	if err := sigkill(ctx, a.env, victim, func(when time.Time) { at = when }); err != nil {
		return err
	}
	a.spread.without(victim)
	b.lost()
	a.regulars.journal.lost(a.spread.own[victim].Addr(), at)
	a.result.Called = a.party.load.CallAll(ctx, phones.Calling{Order: order, Patience: patience, From: at, AtOnce: len(order)})
	a.result.CalledFor = time.Since(at)
	a.measure(ctx, f, before, at, a.result)
	if err := a.replayRegulars(ctx, known, "at the two that were left", victim); err != nil {
		return err
	}
	a.regulars.balancer.keep("") // who starts anew gets nothing before it is ready
	a.stage.step("%s", a.result.line())
	if err := a.recover(ctx, f, before); err != nil {
		return err
	}
	a.result.Whole = time.Since(at)
	a.spread.without("")
	if err := b.further(ctx, 8); err != nil {
		return err
	}
	a.guess(ctx)
	return errors.Join(a.replay(ctx, seen), a.replayRegulars(ctx, known, "when all were back", ""))
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
	a.result.Notes = append(a.result.Notes, fmt.Sprintf("%d phones were challenged %d times, none more than %d times",
		len(a.party.load.Phones), a.party.load.Challenged(), most))
}
