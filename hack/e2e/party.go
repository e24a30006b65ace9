//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/hack/kube/cluster"
)

// party is everybody outside the cluster: phones written with sipgo, SIPp as
// the caller whose calls are up, and baresip.
type party struct {
	proxy     netip.AddrPort // the cluster's address
	second    netip.AddrPort // that of the other family, if it has one
	callers   netip.Addr     // SIPp's
	softAt    netip.Addr     // baresip's
	phoneAt   func(i int) netip.Addr
	byRoute   bool              // phones send by Route within dialogs
	expires   int               // seconds that baresip and linphone register for; 0 for an hour
	passwords fleet.Passwords   // of everybody; none where nobody is asked
	authority *fleet.Authority  // whom phones on every transport trust; none: all are on UDP
	ready     func() netip.Addr // of a proxy, where those with a connection go
	announced func()            // ends the announcement of proxy, where it is ours
	// in runs f, and command makes a command, where the sockets belong.
	in      func(f func() error) error
	command func(ctx context.Context, name string, args ...string) *exec.Cmd
	step    func(format string, args ...any)
	// notice is told what came of calls and BYEs as soon as it is known; nil: nobody is.
	notice func(ctx context.Context, what string, outcomes ...phones.Outcome)

	load *phones.Load
	soft *baresip
	// registers is how often baresip had registered when all began.
	registers int
}

// gather binds n phones and registers each, once; baresip too. All call and are
// called. Whatever it returns, leave is to be called.
func (p *party) gather(ctx context.Context, n int) error {
	if err := eventually(ctx, installLimit, p.routed); err != nil {
		return err
	}
	bound := 0
	l, err := phones.NewLoad(n, phones.Config{Domain: domain, Proxy: p.proxy, ByRoute: p.byRoute}, func(cfg phones.Config) (*phones.Phone, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		cfg.Password = p.passwords[cfg.User]
		cfg.Local = netip.AddrPortFrom(p.phoneAt(bound), 0)
		p.mixed(&cfg, bound)
		bound++
		return p.bind(cfg)
	})
	if err != nil {
		return err
	}
	p.load = l
	l.Through(p.reached()...)
	began := time.Now()
	if o := l.Register(ctx); !o.Whole() {
		return fmt.Errorf("%v phones registered: %v", o, o.Errors)
	}
	p.step("%d phones registered in %v, each once and for an hour", n, time.Since(began).Round(time.Millisecond))
	c := p.callEverybody(ctx, phones.AnswerLimit)
	if !c.Reached.Whole() || !c.Hungup.Whole() {
		return fmt.Errorf("before any fault: %v phones called, %v hung up: %v %v", c.Reached, c.Hungup, c.Reached.Errors, c.Hungup.Errors)
	}
	p.step("every phone was called by its neighbour, slowest answer %v", c.Slowest.Round(time.Millisecond))
	return p.gatherSoftphone(ctx)
}

func (p *party) gatherSoftphone(ctx context.Context) (err error) {
	if p.soft, err = p.startBaresip(ctx); err != nil {
		return err
	}
	p.registers = p.soft.count(eventRegistering)
	if err := p.callDesk(ctx, time.Now(), phones.AnswerLimit); err != nil {
		return fmt.Errorf("baresip cannot be called: %w", err)
	}
	if err := p.deskCalls(ctx, p.load.Phones[0]); err != nil {
		return fmt.Errorf("baresip cannot call: %w", err)
	}
	p.step("baresip registered through %s, was called by a phone and called one", p.reachedBy(p.softAt))
	return nil
}

// routed is nil if there is a way to each of the cluster's addresses: one that no node
// passes on yet is announced by none.
func (p *party) routed(ctx context.Context) error {
	return p.in(func() error {
		for _, a := range p.reached() {
			conn, err := (&net.Dialer{}).DialContext(ctx, "udp", a.String()) // sends nothing
			if err != nil {
				return err
			}
			_ = conn.Close()
		}
		return nil
	})
}

func (p *party) leave() {
	if p.soft != nil {
		p.soft.stop()
	}
	if p.load != nil {
		p.load.Close()
	}
}

func (p *party) callEverybody(ctx context.Context, patience time.Duration) phones.Called {
	return p.load.CallAll(ctx, phones.Calling{Order: p.load.Everybody(), Patience: patience})
}

// reached are the cluster's addresses, one of each family that it has.
func (p *party) reached() []netip.AddrPort {
	if p.second.IsValid() {
		return []netip.AddrPort{p.proxy, p.second}
	}
	return []netip.AddrPort{p.proxy}
}

// reachedBy is the cluster's address of somebody's family.
func (p *party) reachedBy(who netip.Addr) netip.AddrPort {
	if p.second.IsValid() && p.second.Addr().Is4() == who.Is4() {
		return p.second
	}
	return p.proxy
}

// throughEach calls everybody through each proxy.
func (p *party) throughEach(ctx context.Context, own map[string][]netip.AddrPort, r *result) {
	r.Through = map[string]phones.Outcome{}
	defer p.load.Through(p.reached()...)
	for _, name := range slices.Sorted(maps.Keys(own)) {
		p.load.Through(own[name]...)
		r.Through[name] = p.callEverybody(ctx, patience).Reached
	}
	p.step("whole again %.1f s after it, %v calls made until then; phones called through each proxy: %s", r.Whole.Seconds(), r.Meanwhile.Hungup, r.through())
}

func (p *party) registersFor() int { return cmp.Or(p.expires, 3600) }

// registeredOnce is an error if baresip registered again.
func (p *party) registeredOnce() error {
	if n := p.soft.count(eventRegistering) - p.registers; n > 0 {
		return fmt.Errorf("baresip registered again, %d times", n)
	}
	return nil
}

// eventually tries until it succeeds or the time is over.
func eventually(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return cluster.Eventually(ctx, try)
}
