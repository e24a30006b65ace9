//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/cluster"
	"github.com/sipring/sipring/hack/phones"
)

// fault is one thing that happens to the cluster while calls are up.
type fault struct {
	name  string
	title string
	// do makes it happen and returns when, at the earliest, it did.
	do func(ctx context.Context, e *env, victim string) (time.Time, error)
	// victim is the pod that is lost; empty where there is none. pick, if any,
	// names it when the case begins.
	victim string
	pick   func(ctx context.Context, e *env) (string, error)
	// replicas there are when all is done.
	replicas int
	patience time.Duration
	// reborn: the victim comes back as another process; rolled: all do.
	reborn, rolled bool
	// local: only where the nodes are at hand.
	local bool
	// mend ends the fault, after everything was measured.
	mend func(ctx context.Context, e *env) error
}

// faults in the order in which they happen.
func faults() []fault {
	return []fault{
		{
			name: "sigkill", title: "SIGKILL of voice-0's process", victim: "voice-0", replicas: 3, patience: patience, reborn: true, local: true,
			do: func(ctx context.Context, e *env, victim string) (time.Time, error) {
				killed, err := e.cluster.KillContainerProcess(ctx, namespace, victim, "proxy", unix.SIGKILL)
				return killed.At, err
			},
		},
		{
			name: "delete", title: "kubectl delete pod voice-1 --force", victim: "voice-1", replicas: 3, patience: patience, reborn: true,
			do: kubectlFault("delete", "pod", "voice-1", "--force", "--grace-period=0", "--wait=false"),
		},
		{
			name: "scale-up", title: "kubectl scale 3 to 4", replicas: 4, patience: patience,
			do: kubectlFault("scale", "sipcluster", sipCluster, "--replicas=4"),
		},
		{
			name: "scale-down", title: "kubectl scale to 2", replicas: 2, victim: "voice-2", patience: patience,
			do: kubectlFault("scale", "sipcluster", sipCluster, "--replicas=2"),
		},
		{
			name: "scale-back", title: "kubectl scale to 3", replicas: 3, patience: patience,
			do: kubectlFault("scale", "sipcluster", sipCluster, "--replicas=3"),
		},
		{
			name: "rollout", title: "rolling update of all proxies", replicas: 3, patience: patience, rolled: true,
			do: kubectlFault("patch", "sipcluster", sipCluster, "--type=merge", "--patch", `{"spec": {"logLevel": "debug"}}`),
		},
		cutOff("cut", "a proxy's node cut off", false),
		cutOff("cut-leader", "the node of a proxy and of the leading operator cut off", true),
	}
}

func caseNames() []string {
	names := []string{softphoneCase}
	for _, f := range faults() {
		names = append(names, f.name)
	}
	return names
}

func kubectlFault(args ...string) func(context.Context, *env, string) (time.Time, error) {
	return func(ctx context.Context, e *env, _ string) (time.Time, error) {
		at := time.Now()
		_, err := e.kubectl(ctx, append([]string{"--namespace", namespace}, args...)...)
		return at, err
	}
}

// play sets calls up, makes the fault happen, calls everybody at once, lets the
// calls be hung up, goes on to call everybody until the ring is whole again, and
// then calls everybody through each proxy.
func (e *env) play(ctx context.Context, f fault) (r *result, err error) {
	r = &result{Case: f.name, Title: f.title, Patience: f.patience}
	if f.local && !e.cluster.Local() {
		r.Skipped = cluster.ErrNotLocal.Error()
		return r, nil
	}
	if f.pick != nil {
		if f.victim, err = f.pick(ctx, e); err != nil {
			return r, err
		}
	}
	before, err := e.snapshot(ctx)
	if err != nil {
		return r, err
	}
	order, homed, err := e.homedFirst(ctx, f.victim)
	if err != nil {
		return r, err
	}
	r.Homed = homed
	began := e.load.Answered()
	calls, err := e.hold(ctx, e.o.calls)
	if err != nil {
		return r, err
	}
	if err := calls.up(ctx, e.load, began); err != nil {
		return r, err
	}
	ended := e.load.Hungup()
	e.step("%d calls are up; now: %s", e.o.calls, f.title)
	at, err := f.do(ctx, e, f.victim)
	if f.mend != nil {
		defer func() { err = errors.Join(err, f.mend(context.WithoutCancel(ctx), e)) }()
	}
	if err != nil {
		return r, err
	}
	r.EarlyBYEs = int(e.load.Hungup() - ended)
	r.Called = e.load.CallAll(ctx, phones.Calling{Order: order, Patience: f.patience})
	r.CalledFor = time.Since(at)
	stop := e.keepCalling(ctx, f.patience)
	defer stop()
	if r.BYEs, err = calls.result(ctx); err != nil {
		return r, err
	}
	r.Registered = e.load.Registered(ctx)
	e.measure(ctx, f, before, at, r)
	e.step("%s", r.line())
	if err := e.recover(ctx, f, before); err != nil {
		return r, err
	}
	r.Whole, r.Meanwhile = time.Since(at), stop()
	return r, e.throughEach(ctx, r)
}

// measure reads the survivors' events and the slice's. What is not there in
// time is noted, and fails the case.
func (e *env) measure(ctx context.Context, f fault, before *snapshot, at time.Time, r *result) {
	if f.victim == "" {
		return
	}
	err := e.eventually(ctx, 20*time.Second, func(context.Context) error {
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
	if r.Ring, err = e.ringChanged(ctx, before, f.victim, at); err != nil {
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
	if err := e.eventually(ctx, settleLimit, func(ctx context.Context) error { return e.whole(ctx, f.replicas, gone) }); err != nil {
		return fmt.Errorf("ring of %d after %s: %w", f.replicas, f.title, err)
	}
	return nil
}

// throughEach calls everybody through each proxy.
func (e *env) throughEach(ctx context.Context, r *result) error {
	if !e.cluster.Local() {
		r.Through = map[string]phones.Outcome{"all": e.callEverybody(ctx, patience).Reached}
		return nil
	}
	pods, err := e.pods(ctx)
	if err != nil {
		return err
	}
	r.Through = map[string]phones.Outcome{}
	defer e.load.Through(e.proxy)
	for _, pod := range pods {
		address, err := netip.ParseAddr(pod.Status.PodIP)
		if err != nil {
			return err
		}
		e.load.Through(netip.AddrPortFrom(address, e.proxy.Port()))
		r.Through[pod.Name] = e.callEverybody(ctx, patience).Reached
	}
	e.step("whole again %.1f s after it, %v calls made until then; phones called through each proxy: %s", r.Whole.Seconds(), r.Meanwhile.Hungup, r.through())
	return nil
}

// roundEvery is how often everybody is called until the ring is whole: a load
// that leaves a small machine room for what it waits for.
const roundEvery = time.Second

// keepCalling calls everybody again and again until stop, which waits for the
// last round and tells of all.
func (e *env) keepCalling(ctx context.Context, patience time.Duration) (stop func() phones.Called) {
	ended, all := make(chan struct{}), make(chan phones.Called, 1)
	go func() {
		var c phones.Called
		next := time.NewTicker(roundEvery)
		defer next.Stop()
		for {
			select {
			case <-ended:
				all <- c
				return
			case <-next.C:
				c.Add(e.callEverybody(ctx, patience))
			}
		}
	}()
	return sync.OnceValue(func() phones.Called {
		close(ended)
		return <-all
	})
}

func (e *env) callEverybody(ctx context.Context, patience time.Duration) phones.Called {
	return e.load.CallAll(ctx, phones.Calling{Order: e.load.Everybody(), Patience: patience})
}

func (e *env) nodeOf(ctx context.Context, pod string) (string, error) {
	pods, err := e.pods(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range pods {
		if p.Name == pod {
			return p.Spec.NodeName, nil
		}
	}
	return "", fmt.Errorf("no pod %s", pod)
}
