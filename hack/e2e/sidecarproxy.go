//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/demo/phones"
)

// Requests within calls, of phones and of the application, while its proxy is killed and
// starts anew.
const (
	withinCalls, withinEach = 5, 20
	withinPause             = 100 * time.Millisecond
	withinPatience          = 32 * time.Second // Timer F (RFC 3261 17.1.2.2)
)

// proxyKilled: the application's calls go on, requests within them in both directions.
func proxyKilled(ctx context.Context, s *sidecar) error {
	const victim = "apps-2"
	up, _, err := s.upAt(ctx, victim, withinCalls)
	if err != nil {
		return err
	}
	if len(up) != withinCalls {
		return fmt.Errorf("%d calls are at %s, want %d", len(up), victim, withinCalls)
	}
	pods, err := s.proxies.pods(ctx)
	if err != nil {
		return err
	}
	first, err := s.status(ctx, &pods[2])
	if err != nil {
		return err
	}
	begun, answered := make(chan struct{}), make(chan error, 1)
	go func() { answered <- s.askWithin(ctx, up, begun) }()
	<-begun
	if _, err := s.kube.cluster.KillContainerProcess(ctx, namespace, victim, "proxy", unix.SIGKILL); err != nil {
		return errors.Join(err, <-answered)
	}
	err = <-answered
	const asked = withinCalls * withinEach
	last := first
	err = errors.Join(err, s.serve(ctx, 3), eventually(ctx, installLimit, func(ctx context.Context) (err error) {
		if last, err = s.status(ctx, &pods[2]); err == nil && last.Pokes-first.Pokes < asked {
			err = fmt.Errorf("the application has sent %d requests", last.Pokes-first.Pokes)
		}
		return err
	}))
	for _, c := range up {
		err = errors.Join(err, c.hangUp(ctx)) // which a request that was answered 481 had ended
	}
	// One of each call may have been under way.
	err = errors.Join(err, eventually(ctx, withinPatience, func(ctx context.Context) (err error) {
		if last, err = s.status(ctx, &pods[2]); err == nil && last.PokesAnswered-first.PokesAnswered != last.Pokes-first.Pokes {
			err = fmt.Errorf("of %d requests of the application %d were answered", last.Pokes-first.Pokes, last.PokesAnswered-first.PokesAnswered)
		}
		return err
	}))
	s.stage.step("%s: %d requests of the application within calls, %d answered; %d BYEs", victim, last.Pokes-first.Pokes, last.PokesAnswered-first.PokesAnswered, len(up))
	return errors.Join(err, s.restarts(ctx, victim, 0))
}

// askWithin sends INFO within each call, one after the other, and says how many were
// answered 200. begun is closed when each call has had a few.
func (s *sidecar) askWithin(ctx context.Context, up []place, begun chan struct{}) error {
	const few = 5
	var ok, late atomic.Int64
	var slowest atomic.Int64
	var started sync.WaitGroup
	started.Add(len(up))
	go func() { started.Wait(); close(begun) }()
	o := phones.Each(ctx, len(up), func(ctx context.Context, i int) error {
		var errs []error
		for n := range withinEach {
			if n == few {
				started.Done()
			}
			began := time.Now()
			ctx, cancel := context.WithTimeout(ctx, withinPatience)
			status, err := up[i].Ask(ctx, "INFO")
			cancel()
			took := time.Since(began)
			switch {
			case err != nil:
				errs = append(errs, err)
			case status != 200:
				errs = append(errs, fmt.Errorf("an INFO within a call to %s: %d", up[i].user, status))
			default:
				ok.Add(1)
			}
			if took > withinPause {
				late.Add(1)
			}
			for most := slowest.Load(); took.Milliseconds() > most && !slowest.CompareAndSwap(most, took.Milliseconds()); {
				most = slowest.Load()
			}
			time.Sleep(withinPause) // between two requests of a phone
		}
		return errors.Join(errs...)
	})
	all := len(up) * withinEach
	s.stage.step("%d of %d requests of phones within calls answered 200, the slowest after %d ms, %d after more than %v", ok.Load(), all, slowest.Load(), late.Load(), withinPause)
	if !o.Whole() {
		return fmt.Errorf("%d of %d requests of phones within calls were answered 200: %v", ok.Load(), all, o.Errors)
	}
	return nil
}
