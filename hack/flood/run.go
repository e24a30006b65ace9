package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/demo/fleet"
)

var (
	errNotWithstood = errors.New("not every attack was withstood")
	errInterrupted  = errors.New("interrupted")
)

// Before the attack and after it the phones are left alone for so long.
const (
	before = time.Second
	after  = 2 * time.Second
)

// limits of the run. Of what is due one request in two is enough: the phones share
// the machine with the attackers.
func (o *options) limits() limits {
	each := int((before + o.time + after) / callEvery)
	return limits{p99: o.p99, memory: o.memory, requests: proxies * each * 5 / 2}
}

// runAll runs the attacks and prints the table.
func runAll(ctx context.Context, o *options, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, err := os.MkdirTemp("", "sipring-flood-")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d proxies, R=%d, %d MiB each; a phone at each: REGISTER every %s, a call every %s; %d attacks of %s\n\n",
		proxies, replicas, o.memory, registerEvery, callEvery, len(o.attacks), o.time)
	results, err := runEach(ctx, o, dir, out)
	fmt.Fprintln(out)
	table(out, results, o.limits())
	for _, r := range results {
		if err == nil && len(r.faults(o.limits())) > 0 {
			err = errNotWithstood
		}
	}
	if ctx.Err() != nil {
		err = errInterrupted
	}
	if !o.keep && (err == nil || ctx.Err() != nil) {
		return errors.Join(err, os.RemoveAll(dir))
	}
	fmt.Fprintf(out, "\nLogs are in %s\n", dir)
	return err
}

// runEach runs one attack after another, all of them also when one has success.
// Where the phones' answers were slow and nothing else is wrong it is run once
// more: another program may have had the CPU.
func runEach(ctx context.Context, o *options, dir string, out io.Writer) (results []result, err error) {
	network, err := fleet.Claim("", proxies)
	if err != nil {
		return nil, err
	}
	defer network.Release()
	for _, a := range o.attacks {
		began := time.Now()
		r, err := runOne(ctx, o, network, a, filepath.Join(dir, a.name))
		if err == nil && r.onlySlow(o.limits()) {
			slow := r.quantile(0.99)
			r, err = runOne(ctx, o, network, a, filepath.Join(dir, a.name+"-again"))
			r.note += fmt.Sprintf(" (a first run was no worse than slow, p99 %s)", milliseconds(slow))
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", a.name, err)
		}
		results = append(results, r)
		fmt.Fprintf(out, "%-10s %.0f s\n", a.name, time.Since(began).Seconds())
	}
	return results, nil
}

// runOne runs one attack against proxies of its own.
func runOne(ctx context.Context, o *options, network *fleet.Network, a attack, dir string) (result, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return result{}, err
	}
	log, err := os.Create(filepath.Join(dir, "flood.log"))
	if err != nil {
		return result{}, err
	}
	defer log.Close()
	say := func(format string, args ...any) {
		fmt.Fprintf(log, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
	}
	var passwords fleet.Passwords
	if a.asks {
		passwords = fleet.NewPasswords(users()...)
	}
	c, err := startCluster(ctx, o, network, dir, passwords, say)
	if err != nil {
		return result{}, err
	}
	defer c.close()
	t := &tally{}
	w := &watch{processes: c.processes, memory: o.memory, say: say}
	n := proxies
	if a.restarts {
		n, w.asked = proxies-1, 1 // the last one's phone would have nobody to talk to
	}
	phones, err := startPhones(c, n, passwords, t)
	if err != nil {
		return result{}, err
	}
	watching, enough := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { w.run(watching) })
	told, err := under(ctx, phones, func() (outcome, error) { return c.attack(ctx, a, o.time, log) })
	enough()
	running.Wait()
	for _, p := range phones {
		p.close()
	}
	r := t.result(a.name)
	r.note, r.reasons = told.Note, append(r.reasons, told.Faults...)
	if n, readErr := c.lost(); n > 0 || readErr != nil {
		err = errors.Join(err, readErr)
		r.note += fmt.Sprintf("; the kernel dropped %d before the proxies took them", n)
	}
	w.into(&r)
	return r, errors.Join(err, ctx.Err())
}

// attack runs the attack, and starts a member again meanwhile if that is part of
// it.
func (c *cluster) attack(ctx context.Context, a attack, d time.Duration, log io.Writer) (outcome, error) {
	var rejoined error
	var running sync.WaitGroup
	if a.restarts {
		running.Go(func() {
			joining, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			wait(joining, before)
			rejoined = c.rejoin(joining)
		})
	}
	out, err := launch(ctx, a, c.site(d), log)
	running.Wait()
	if rejoined != nil {
		out.fault("the member that was started again did not come back while the attack lasted: %v", rejoined)
	}
	return out, err
}

// users are those of the phones.
func users() (names []string) {
	for i := range proxies {
		names = append(names, fmt.Sprintf("phone%d", i))
	}
	return names
}

// startPhones makes a phone for each of the first n proxies, and registers it.
func startPhones(c *cluster, n int, passwords fleet.Passwords, t *tally) (phones []*phone, err error) {
	for i, user := range users()[:n] {
		p, err := newPhone(user, passwords[user], c.network.Host(byte(phoneHost+i)), c.sip(i), t)
		if err == nil {
			phones = append(phones, p)
			err = p.settle()
		}
		if err != nil {
			for _, p := range phones {
				p.close()
			}
			return nil, err
		}
	}
	return phones, nil
}

// under lets the phones live while the attack runs, a while before and a while
// after.
func under(ctx context.Context, phones []*phone, attack func() (outcome, error)) (outcome, error) {
	living, enough := context.WithCancel(ctx)
	var running sync.WaitGroup
	for i, p := range phones {
		running.Go(func() { p.live(living, phones[(i+1)%len(phones)].user) })
	}
	wait(ctx, before)
	out, err := attack()
	wait(ctx, after)
	enough()
	running.Wait()
	return out, err
}

// wait waits, or until the context ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// site is what attackers of the cluster know.
func (c *cluster) site(d time.Duration) *site {
	p := c.network.Ports
	s := &site{SIP: uint16(p.SIP), TLS: uint16(c.network.TLS), WS: uint16(c.network.WS), WSS: uint16(c.network.WSS), Peer: uint16(p.Peer), Health: uint16(p.Health), Admin: uint16(p.Admin), Seconds: d.Seconds()}
	for i := range proxies {
		s.Proxies = append(s.Proxies, c.network.Proxy(i))
	}
	return s
}
