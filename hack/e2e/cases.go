//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/cluster"
)

// fault is one thing that happens to the cluster while calls are up.
type fault struct {
	name  string
	title string
	// do makes it happen, and calls struck as episode.strike does.
	do func(ctx context.Context, e *env, victim string, struck func(time.Time)) error
	// victim is the pod that is lost; empty where there is none. pick, if any,
	// names it when the case begins.
	victim string
	pick   func(ctx context.Context, e *env) (string, error)
	// replicas there are when all is done.
	replicas int
	patience time.Duration
	// reborn: the victim comes back as another process; rolled: all do.
	reborn, rolled bool
	// kept: nobody does.
	kept bool
	// until, if any, is what else has to be so when all is done.
	until step
	// local: only where the nodes are at hand.
	local bool
	// settle bounds the wait for until and the ring: 0 is settleLimit.
	settle time.Duration
	// after, if any, happens when all that was called is hung up, before everybody is
	// called through each proxy.
	after step
	// mend ends the fault, after everything was measured.
	mend func(ctx context.Context, e *env) error
}

// faults in the order in which they happen.
func faults() []fault {
	return []fault{
		{
			name: "sigkill", title: "SIGKILL of voice-0", victim: "voice-0", replicas: 3, patience: patience, reborn: true, local: true,
			do: sigkill,
		},
		{
			name: "delete", title: "delete --force voice-1", victim: "voice-1", replicas: 3, patience: patience, reborn: true,
			do: kubectlFault("delete", "pod", "voice-1", "--force", "--grace-period=0", "--wait=false"),
		},
		{
			name: "scale-up", title: "scale 3 to 4", replicas: 4, patience: patience,
			do: kubectlFault("scale", "sipcluster", sipCluster, "--replicas=4"),
		},
		{
			name: "scale-down", title: "scale to 2", replicas: 2, victim: "voice-2", patience: patience,
			do: kubectlFault("scale", "sipcluster", sipCluster, "--replicas=2"),
		},
		{
			name: "scale-back", title: "scale to 3", replicas: 3, patience: patience,
			do: kubectlFault("scale", "sipcluster", sipCluster, "--replicas=3"),
		},
		{
			name: "rollout", title: "rolling update", replicas: 3, patience: patience, rolled: true,
			do: rollingUpdate(sipCluster),
		},
		rotateKeys(),
		cutOff("cut", "node cut off", false),
		cutOff("cut-leader", "node of the leader cut off", true),
	}
}

// rollingPatch changes the pods and nothing about what they do, to what they never were
// before.
func rollingPatch() string {
	return fmt.Sprintf(`{"spec": {"template": {"annotations": {"sipring.io/e2e": "rolled %d"}}}}`, time.Now().UnixNano())
}

func rollingUpdate(name string) func(context.Context, *env, string, func(time.Time)) error {
	return func(ctx context.Context, e *env, victim string, struck func(time.Time)) error {
		return kubectlFault("patch", "sipcluster", name, "--type=merge", "--patch", rollingPatch())(ctx, e, victim, struck)
	}
}

func caseNames() []string {
	names := []string{bareCase, prometheusCase}
	for _, f := range faults() {
		names = append(names, f.name)
	}
	for _, s := range stacks() {
		names = append(names, s.name)
	}
	for _, s := range sequences() {
		names = append(names, s.name)
	}
	return names
}

// apartCases are played where they are named alone.
func apartCases() (names []string) {
	for _, s := range sequences() {
		if s.apart {
			names = append(names, s.name)
		}
	}
	return names
}

func sigkill(ctx context.Context, e *env, victim string, struck func(time.Time)) error {
	killed, err := e.kube.cluster.KillContainerProcess(ctx, namespace, victim, "proxy", unix.SIGKILL)
	if err == nil {
		struck(killed.At)
	}
	return err
}

// kubectlFault may have happened from the moment on that kubectl runs.
func kubectlFault(args ...string) func(context.Context, *env, string, func(time.Time)) error {
	return func(ctx context.Context, e *env, _ string, struck func(time.Time)) error {
		struck(time.Now())
		_, err := e.kube.kubectl(ctx, append([]string{"--namespace", namespace}, args...)...)
		return err
	}
}

// play sets calls up, makes the fault happen and waits until the ring is whole
// again, as endure does, and then calls everybody through each proxy.
func (e *env) play(ctx context.Context, f fault) (r *result, err error) {
	r = &result{Case: f.name, Title: f.title, Patience: f.patience}
	if f.local && !e.kube.cluster.Local() {
		r.Skipped = cluster.ErrNotLocal.Error()
		return r, nil
	}
	if f.pick != nil {
		if f.victim, err = f.pick(ctx, e); err != nil {
			return r, err
		}
	}
	before, err := e.proxies.snapshot(ctx)
	if err != nil {
		return r, err
	}
	set, err := e.proxies.set(ctx)
	if err != nil {
		return r, err
	}
	order, homed := e.party.load.HomedFirst(set, idOf(set, f.victim))
	r.Homed = homed
	if f.mend != nil {
		defer func() {
			mend, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendLimit)
			defer cancel()
			err = errors.Join(err, f.mend(mend, e))
		}()
	}
	if err := e.party.endure(ctx, episode{
		title: f.title, calls: e.stage.o.calls, order: order, patience: f.patience,
		strike:  func(ctx context.Context, struck func(time.Time)) error { return f.do(ctx, e, f.victim, struck) },
		measure: func(ctx context.Context, at time.Time, r *result) { e.measure(ctx, f, before, at, r) },
		recover: func(ctx context.Context) error { return e.recover(ctx, f, before) },
	}, r); err != nil {
		return r, err
	}
	if f.after != nil {
		if err := f.after(ctx, e); err != nil {
			return r, err
		}
	}
	own, err := e.proxies.addresses(ctx, e.party.proxy)
	if err != nil {
		return r, err
	}
	e.party.throughEach(ctx, own, r)
	if f.kept {
		if err := e.proxies.same(ctx, before); err != nil {
			r.Problems = append(r.Problems, err.Error())
		}
	}
	return r, nil
}

// measure reads the survivors' events and the slice's. What is not there in
// time is noted, and fails the case.
func (e *env) measure(ctx context.Context, f fault, before *snapshot, at time.Time, r *result) {
	if f.victim == "" {
		return
	}
	err := eventually(ctx, noticeLimit, func(context.Context) error {
		d, ok := e.slices.lostAfter(f.victim, at)
		if !ok {
			return fmt.Errorf("%s did not leave the EndpointSlice", f.victim)
		}
		r.Slice = d
		return nil
	})
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	if f.replicas < len(before.pods) {
		return // leaving as asked is no loss: nobody has to notice it
	}
	if r.Ring, err = e.proxies.newRing(ctx, before, f.victim, at); err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
}

// recover ends the fault and waits for the whole ring.
func (e *env) recover(ctx context.Context, f fault, before *snapshot) error {
	if f.mend != nil {
		if err := f.mend(ctx, e); err != nil {
			return err
		}
	}
	gone := map[string]bool{}
	for name, incarnation := range before.incarnations {
		gone[incarnation] = f.rolled || f.reborn && name == f.victim
	}
	if err := eventually(ctx, cmp.Or(f.settle, settleLimit), func(ctx context.Context) error {
		if f.until != nil {
			if err := f.until(ctx, e); err != nil {
				return err
			}
		}
		return e.proxies.whole(ctx, f.replicas, gone)
	}); err != nil {
		return fmt.Errorf("ring of %d after %s: %w", f.replicas, f.title, err)
	}
	return nil
}
