//go:build linux

package main

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/proxy/config"
)

// bareCase is the case without Kubernetes: three proxies on this machine.
const bareCase = "bare"

// Last bytes of addresses in the demo's network.
const (
	barePhones = 200 + iota
	bareCallers
	bareSoftphone
)

// bare plays the loss of a proxy without Kubernetes: three processes started
// from two files and a key, on loopback addresses, with the same phones.
func (e *env) bare(ctx context.Context) (r *result, err error) {
	r = &result{Case: bareCase, Title: "SIGKILL, no Kubernetes", Patience: patience}
	proxies, err := demo.StartProxies(ctx, e.stage.o.binary, 3, demo.Guests{Phones: e.stage.o.phones, Users: []string{desk, caller}, Algorithms: []string{config.AlgorithmMD5}}, lines{e.stage.step})
	if err != nil {
		return r, err
	}
	defer proxies.Close()
	defer func() {
		if (err != nil || r.failed()) && ctx.Err() == nil {
			err = errors.Join(err, e.stage.keepLogs(func(dir string) error { return proxies.SaveLogs(filepath.Join(dir, bareCase)) }))
		}
	}()
	p := &party{
		passwords: proxies.Passwords(), proxy: proxies.Address(), callers: proxies.Host(bareCallers), softAt: proxies.Host(bareSoftphone),
		phoneAt: func(int) netip.Addr { return proxies.Host(barePhones) },
		in:      func(f func() error) error { return f() },
		command: func(ctx context.Context, name string, args ...string) *exec.Cmd {
			return mortal(exec.CommandContext(ctx, name, args...))
		},
		step: e.stage.step,
	}
	defer p.leave()
	if err := p.gather(ctx, e.stage.o.phones); err != nil {
		return r, err
	}
	const victim = "proxy-0"
	set := proxies.Set()
	order, homed := p.load.HomedFirst(set, idOf(set, victim))
	r.Homed = homed
	if err := p.endure(ctx, episode{
		title: r.Title, calls: e.stage.o.calls, order: order, patience: r.Patience,
		strike: func(_ context.Context, struck func(time.Time)) error {
			at, err := proxies.Kill(victim)
			if err == nil {
				struck(at)
			}
			return err
		},
		measure: func(ctx context.Context, at time.Time, r *result) {
			survivors := slices.DeleteFunc(proxies.Names(), func(name string) bool { return name == victim })
			var err error
			if r.Ring, err = newRing(ctx, survivors, victim, at, proxies.Events); err != nil {
				r.Problems = append(r.Problems, err.Error())
			}
		},
		recover: proxies.Whole,
	}, r); err != nil {
		return r, err
	}
	// They have no other address for SIP than the one that they share.
	p.throughEach(ctx, map[string][]netip.AddrPort{"all": {p.proxy}}, r)
	return r, nil
}
