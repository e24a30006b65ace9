package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

var (
	errWrong       = errors.New("something was lost, returned, stale or unanswered")
	errInterrupted = errors.New("interrupted")
)

// runAll runs once for each number of replicas, all of them also when one fails.
func runAll(ctx context.Context, o *options, out io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var errs []error
	for _, r := range o.replicas {
		err := runOnce(ctx, o, r, out)
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("with R=%d: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

// runOnce keeps what was written only where something went wrong that is not an
// interruption.
func runOnce(ctx context.Context, o *options, replicas int, out io.Writer) error {
	dir, err := os.MkdirTemp("", fmt.Sprintf("sipring-chaos-r%d-", replicas))
	if err != nil {
		return err
	}
	journal, err := os.Create(filepath.Join(dir, "journal.log"))
	if err != nil {
		return err
	}
	defer journal.Close()
	t := newTally(journal)
	fmt.Fprintf(out, "R=%d: %d proxies, %d disturbed at a time (%v), sets published up to %s late, %d phones, %d requests/s, %s, seed %d\n",
		replicas, o.members, o.downOf(replicas), o.kinds, o.late, o.phones, o.rate, o.time, o.seed)
	err = play(ctx, o, replicas, dir, t, out)
	t.print(out)
	if sum := t.sum(); err == nil && sum.bad() > 0 {
		err = errWrong
	}
	if (err == nil || ctx.Err() != nil) && !o.keep {
		return errors.Join(err, os.RemoveAll(dir))
	}
	fmt.Fprintf(out, "Logs, and all incidents (journal.log), are in %s\n", dir)
	return err
}

// play starts everything, lets faults happen while phones and callers work, and
// ends everything.
func play(ctx context.Context, o *options, replicas int, dir string, t *tally, out io.Writer) error {
	c, err := startCluster(ctx, o, replicas, dir, t)
	if err != nil {
		return err
	}
	defer c.close()
	work, quit := context.WithCancel(ctx)
	defer quit()
	l, err := newLoad(o, c.members, c.network.Host(200), c.network.Host(201), t)
	if err != nil {
		return err
	}
	defer func() {
		quit()
		l.close()
	}()
	l.everyone(work, func(p *phone) { l.regs.register(work, p, change) })
	defer progress(t, out)()

	loading, enough := context.WithCancel(work)
	defer enough()
	var running sync.WaitGroup
	running.Go(func() { l.run(loading, work) })
	err = disturb(ctx, o, replicas, c, t)
	enough()
	running.Wait()
	if err != nil {
		return err
	}
	l.working.Wait()
	t.under("after", 0)
	l.everyone(work, func(p *phone) {
		l.looks.look(work, p)
		l.regs.register(work, p, fetch)
	})
	return ctx.Err()
}

// disturb lets one round of faults follow the other, each as soon as all members
// have what they own, until the time is over.
func disturb(ctx context.Context, o *options, replicas int, c *cluster, t *tally) error {
	rng := rand.New(rand.NewPCG(o.seed, 1))
	for end := time.Now().Add(o.time); time.Now().Before(end); {
		faults := round(rng, o.members, o.downOf(replicas), o.kinds)
		t.under(kindOf(faults), len(faults))
		var wg sync.WaitGroup
		errs := make([]error, len(faults))
		for i, f := range faults {
			wg.Go(func() { errs[i] = c.befall(ctx, f) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		over := time.Now()
		if err := c.settle(ctx); err != nil {
			return err
		}
		t.recovered(time.Since(over))
		t.note("all members have what they own, after %.2f s", time.Since(over).Seconds())
	}
	return nil
}

// progressTime is how often a line says how far it is.
const progressTime = 10 * time.Second

// progress prints a line now and then until the function that it returns is
// called.
func progress(t *tally, out io.Writer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	began := time.Now()
	running.Go(func() {
		for wait(ctx, progressTime) == nil {
			sum := t.sum()
			fmt.Fprintf(out, "%4.0f s  %s\n", time.Since(began).Seconds(), sum)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
