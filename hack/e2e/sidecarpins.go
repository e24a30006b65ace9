//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/demo/phones"
)

// Pins that end while callers come.
const (
	pinRounds = 3
	// pinLasts is the pinSeconds of the manifest.
	pinLasts = 5 * time.Second
	// pinStep is by how much the callers of one conference come later than those of
	// another, who begin pinEarly before a pin ends.
	pinStep, pinEarly = 15 * time.Millisecond, 100 * time.Millisecond
)

// pinsEnd: conferences are pinned to the next owners' applications, as their own one was
// killed, and two callers come to each about when that ends: both to the same.
func pinsEnd(ctx context.Context, s *sidecar) error {
	at, err := s.homes(ctx)
	if err != nil {
		return err
	}
	has := map[string]int{}
	victim := ""
	for _, application := range at {
		if has[application]++; has[application] > has[victim] {
			victim = application
		}
	}
	pairs, atHome := 0, 0
	var apart []string
	for range pinRounds {
		time.Sleep(pinLasts + time.Second) // what was called before is at home again
		_, own, err := s.upAt(ctx, victim, 0)
		if err != nil {
			return err
		}
		if _, err := s.kube.cluster.KillContainerProcess(ctx, namespace, victim, echoContainer, unix.SIGKILL); err != nil {
			return err
		}
		ended := make([]time.Time, len(own))
		if o := phones.Each(ctx, len(own), func(ctx context.Context, i int) error {
			c, err := s.dial(ctx, i, own[i], sidecarPatience)
			if err == nil {
				err = c.hangUp(ctx)
			}
			ended[i] = time.Now()
			return err
		}); !o.Whole() {
			return fmt.Errorf("%v of the users of %s called elsewhere: %v", o, victim, o.Errors)
		}
		both := make([][2]string, len(own))
		if o := phones.Each(ctx, len(own), func(ctx context.Context, i int) error {
			time.Sleep(time.Until(ended[i].Add(pinLasts - pinEarly + time.Duration(i)*pinStep)))
			one, err := s.dial(ctx, 2*i, own[i], sidecarPatience)
			if err != nil {
				return err
			}
			two, err := s.dial(ctx, 2*i+1, own[i], sidecarPatience)
			if err != nil {
				return errors.Join(err, one.hangUp(ctx))
			}
			both[i] = [2]string{one.Application, two.Application}
			return errors.Join(one.hangUp(ctx), two.hangUp(ctx))
		}); !o.Whole() {
			return fmt.Errorf("%v pairs called: %v", o, o.Errors)
		}
		for i, at := range both {
			if pairs++; at[0] != at[1] {
				apart = append(apart, fmt.Sprintf("%s at %s and then %s", own[i], at[0], at[1]))
			}
			if at[0] == victim {
				atHome++
			}
		}
	}
	s.stage.step("about the end of their pins: %d of %d pairs of callers are together, %d of them at home by then", pairs-len(apart), pairs, atHome)
	if len(apart) > 0 {
		return fmt.Errorf("%d of %d pairs were torn apart: %q", len(apart), pairs, apart)
	}
	return nil
}
