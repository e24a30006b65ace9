//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// What happens to the pods with proxy and application, while calls go on.

// conferencesStay: who comes third finds the others, though the ring has grown.
func conferencesStay(ctx context.Context, s *sidecar) (err error) {
	var up []place
	for i := range conferences {
		for range 2 {
			c, err := s.dial(ctx, len(up), conference(i), sidecarPatience)
			if err != nil {
				return err
			}
			up = append(up, c)
		}
	}
	defer func() {
		for _, c := range up {
			err = errors.Join(err, c.hangUp(ctx))
		}
		err = errors.Join(err, s.scale(ctx, 3))
	}()
	if err := s.scale(ctx, 4); err != nil {
		return err
	}
	var apart []string
	for i := range conferences {
		c, err := s.dial(ctx, i, conference(i), sidecarPatience)
		if err != nil {
			return err
		}
		if one, two := up[2*i].Application, up[2*i+1].Application; c.Application != one || one != two {
			apart = append(apart, fmt.Sprintf("%s at %s, %s and then %s", c.user, one, two, c.Application))
		}
		up = append(up, c)
	}
	s.stage.step("ring of 4: the third caller is with the others in %d of %d conferences", conferences-len(apart), conferences)
	if len(apart) > 0 {
		return fmt.Errorf("%d of %d conferences were torn apart: %q", len(apart), conferences, apart)
	}
	return nil
}

func (s *sidecar) scale(ctx context.Context, n int) error {
	if _, err := s.kube.kubectl(ctx, "--namespace", namespace, "scale", "sipcluster", s.stack.sipCluster, fmt.Sprintf("--replicas=%d", n)); err != nil {
		return err
	}
	return s.serve(ctx, n)
}

// meanwhile calls and hangs up, ten times a second, while something is done. Each call
// has to be answered, and the BYE. It notes when each application has answered.
func (s *sidecar) meanwhile(ctx context.Context, do func(ctx context.Context) error) error {
	calling, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	var mu sync.Mutex
	var calls, failed int
	taken := map[string][]time.Time{}
	var errs []error
	all.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-calling.Done():
				return
			case <-ticker.C:
			}
			all.Go(func() {
				c, err := s.dial(ctx, i, conference(i%conferences), sidecarPatience)
				if err == nil {
					err = c.ends(ctx)
				}
				mu.Lock()
				defer mu.Unlock()
				calls++
				if err == nil {
					taken[c.Application] = append(taken[c.Application], c.Answered)
				}
				if err != nil {
					failed++
					if len(errs) < 5 {
						errs = append(errs, err)
					}
				}
			})
		}
	})
	err := do(ctx)
	stop()
	all.Wait()
	s.taken = taken
	s.stage.step("%d of %d calls failed meanwhile", failed, calls)
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d calls failed: %w", failed, calls, errors.Join(errs...)))
	}
	return err
}

func applicationsRolled(ctx context.Context, s *sidecar) error {
	return s.meanwhile(ctx, func(ctx context.Context) error {
		before, err := s.proxies.snapshot(ctx)
		if err != nil {
			return err
		}
		gone := map[string]bool{}
		for _, incarnation := range before.incarnations {
			gone[incarnation] = true
		}
		if _, err := s.kube.kubectl(ctx, "--namespace", namespace, "patch", "sipcluster", s.stack.sipCluster, "--type=merge", "--patch", rollingPatch()); err != nil {
			return err
		}
		if err := eventually(ctx, installLimit, func(ctx context.Context) error { return s.proxies.whole(ctx, 3, gone) }); err != nil {
			return err
		}
		return errors.Join(s.serve(ctx, 3), s.saysHowLong(ctx, 3))
	})
}

// badApplication: the rollout stops at the first pod, whose proxy is in the ring without its
// application, and the others' applications serve its users.
func badApplication(ctx context.Context, s *sidecar) (err error) {
	set := func(image string) error {
		_, err := s.kube.kubectl(ctx, "--namespace", namespace, "patch", "sipcluster", s.stack.sipCluster, "--type=json", "--patch",
			fmt.Sprintf(`[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": %q}]`, image))
		return err
	}
	defer func() { err = errors.Join(err, set(echoImage)) }()
	return s.meanwhile(ctx, func(ctx context.Context) error {
		if err := set("sipring.local/none:1"); err != nil {
			return err
		}
		if err := eventually(ctx, installLimit, func(ctx context.Context) error { return s.condition(ctx, "ApplicationsReady", "False") }); err != nil {
			return err
		}
		// The proxy joins without its application: the ring has all three.
		if err := eventually(ctx, installLimit, func(ctx context.Context) error { return s.proxies.whole(ctx, 3, nil) }); err != nil {
			return fmt.Errorf("the proxy beside it: %w", err)
		}
		s.stage.step("the ring has 3 of 3 proxies, one of them without its application")
		c, err := s.kube.sipCluster(ctx, namespace, s.stack.sipCluster)
		if err != nil {
			return err
		}
		for _, have := range c.Status.Conditions {
			if have.Type == "ApplicationsReady" || have.Status == "False" && have.Type == "Available" {
				s.stage.step("condition %s=%s, %s: %s", have.Type, have.Status, have.Reason, have.Message)
			}
		}
		at, err := s.homes(ctx)
		if err != nil {
			return err
		}
		serve := map[string]bool{}
		for _, application := range at {
			serve[application] = true
		}
		if len(serve) != 2 {
			return fmt.Errorf("%d applications serve: %v", len(serve), at)
		}
		return nil
	})
}

// applicationCut: what was there is lost, new calls go elsewhere.
func applicationCut(ctx context.Context, s *sidecar) (err error) {
	const victim = "apps-0"
	up, own, err := s.upAt(ctx, victim, 5)
	if err != nil {
		return err
	}
	node, err := s.proxies.nodeOf(ctx, victim)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.kube.cluster.HealNode(context.WithoutCancel(ctx), node)) }()
	at := time.Now()
	if err := s.kube.cluster.CutNode(ctx, node); err != nil {
		return err
	}
	took, err := s.elsewhere(ctx, own, victim, at, cutPatience)
	o := phones.Each(ctx, len(up), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, withinPatience)
		defer cancel()
		status, err := up[i].Ask(ctx, "BYE")
		if err == nil && status != 481 {
			err = fmt.Errorf("BYE to %s: %d", up[i].user, status)
		}
		return err
	})
	s.stage.step("node of %s cut off: its %d users answered elsewhere in %v; its %d calls are lost, the BYEs of %v answered 481 within %v of the cut", victim, len(own), took.Round(time.Millisecond), len(up), o, time.Since(at).Round(time.Second))
	if !o.Whole() {
		err = errors.Join(err, fmt.Errorf("BYEs of calls that are lost: %v", o.Errors))
	}
	return err
}
