//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	pairCase = "two-clusters"
	// anotherTag is what the program under test is called too, for an operator
	// that has other pods in mind.
	anotherTag   = "another"
	anotherImage = "ghcr.io/sipring/sipring:" + anotherTag
	// secondPhones is how many phones the second SIPCluster has at most: those of
	// the first have the addresses below.
	secondPhones = 39
)

// playPair upgrades the operator of two SIPClusters, with phones and calls at both:
// one has its pods replaced after the other, then both at once.
func playPair(ctx context.Context, e *env) (results []*result, err error) {
	if err := e.kube.loadImage(ctx, anotherImage, e.stage.o.binary); err != nil {
		return nil, err
	}
	second, leave, err := e.second(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		leave()
		if ctx.Err() == nil { // else all goes
			err = errors.Join(err, second.proxies.removed(ctx, secondManifest))
		}
	}()
	defer func() {
		if (err != nil || slices.ContainsFunc(results, (*result).failed)) && ctx.Err() == nil {
			err = errors.Join(err, e.stage.keepLogs(func(dir string) error { return second.saveLogs(ctx, dir) }))
		}
	}()
	for _, u := range []struct {
		title, image string
		clusters     int
	}{
		{"one cluster at a time", anotherImage, 1},
		{"two clusters at once", e.stage.o.image, 2},
	} {
		set, err := values(u.image)
		if err != nil {
			return results, err
		}
		if u.clusters > 1 { // else it is the default that is tried
			set = append(set, "--set", fmt.Sprintf("rolling.maxClusters=%d", u.clusters))
		}
		began := time.Now()
		more, err := e.together(ctx, second, u.title, helm("upgrade", chart, set...), rolledOut(u.image, began))
		results = append(results, more...)
		if err == nil {
			err = overlap(ctx, e, second, u.clusters > 1)
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", u.title, err)
		}
	}
	return results, nil
}

// together plays a fault of two SIPClusters: what is done begins when calls are up
// at both.
func (e *env) together(ctx context.Context, second *env, title string, do, until step) ([]*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var playing sync.WaitGroup
	var ready atomic.Int32
	both := make(chan struct{})
	meet := func(ctx context.Context, struck func(time.Time)) error {
		if ready.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
			struck(time.Now())
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	results, errs := make([]*result, 2), make([]error, 2)
	for i, one := range []*env{e, second} {
		f := fault{name: pairCase, title: title + ": " + one.proxies.name, replicas: 3 - i, patience: patience, rolled: true, until: until}
		f.do = func(ctx context.Context, one *env, _ string, struck func(time.Time)) error {
			if err := meet(ctx, struck); err != nil || i > 0 {
				return err
			}
			return do(ctx, one)
		}
		playing.Go(func() {
			if results[i], errs[i] = one.play(ctx, f); errs[i] != nil {
				cancel()
			}
		})
	}
	playing.Wait()
	return results, errors.Join(errs...)
}

// secondManifest is that of a SIPCluster beside the first.
const secondManifest = "hack/e2e/manifests/second.yaml"

// second makes another SIPCluster, with phones of its own. leave removes the phones.
func (e *env) second(ctx context.Context) (own *env, leave func(), err error) {
	const name = "second"
	if _, err := e.kube.kubectl(ctx, "--namespace", namespace, "apply", "-f", secondManifest); err != nil {
		return nil, nil, err
	}
	p := &party{
		proxy:   netip.MustParseAddrPort("203.0.113.11:5060"),
		callers: netip.MustParseAddr("198.51.100.251"), softAt: netip.MustParseAddr("198.51.100.241"),
		phoneAt:   func(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(201 + i%secondPhones)}) },
		passwords: e.party.passwords,
		in:        e.kube.inClient, command: e.kube.clientCommand, step: e.stage.step,
	}
	o := *e.stage.o
	o.phones = min(o.phones, secondPhones)
	o.calls = min(o.calls, o.phones)
	s := &stage{o: &o, out: lines{e.stage.step}, began: e.stage.began, tmp: e.stage.tmp, evidence: e.stage.evidence}
	own = &env{stage: s, kube: e.kube, proxies: &proxies{kube: e.kube, name: name}, party: p}
	p.notice = own.notice
	announcing, stop := context.WithCancel(context.WithoutCancel(ctx))
	wait := func() {}
	leave = func() {
		p.leave()
		stop()
		wait()
	}
	defer func() {
		if err != nil {
			leave()
		}
	}()
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return own.proxies.whole(ctx, 2, nil) }); err != nil {
		return nil, nil, err
	}
	announced, err := e.kube.cluster.AnnounceVIP(announcing, namespace, name, p.proxy.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	wait = announced
	return own, leave, p.gather(ctx, o.phones)
}

// saveLogs writes those of the second SIPCluster beside the first one's.
func (e *env) saveLogs(ctx context.Context, dir string) error {
	dir = filepath.Join(dir, e.proxies.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return e.proxies.saveLogs(ctx, dir)
}

// rollout is what the operator writes of the last replacement of the pods.
type rollout struct {
	Cause        string
	Began, Ended time.Time
}

func (e *env) rollout(ctx context.Context) (o rollout, err error) {
	set, err := e.kube.cluster.Client().AppsV1().StatefulSets(namespace).Get(ctx, e.proxies.name, metav1.GetOptions{})
	if err == nil {
		err = json.Unmarshal([]byte(set.Annotations["sipring.io/rollout"]), &o)
	}
	return o, err
}

// rolledOut: the operator is done with replacing all pods by those of the image.
func rolledOut(image string, since time.Time) step {
	return func(ctx context.Context, e *env) error {
		pods, err := e.proxies.pods(ctx)
		if err != nil {
			return err
		}
		for i := range pods {
			if got := pods[i].Spec.Containers[0].Image; got != image {
				return fmt.Errorf("%s runs %s", pods[i].Name, got)
			}
		}
		o, err := e.rollout(ctx)
		if err == nil && (o.Cause != "Operator" || o.Ended.Before(since)) {
			err = fmt.Errorf("SIPCluster %s: the operator is not done: %+v", e.proxies.name, o)
		}
		return err
	}
}

// overlap is nil if the two had their pods replaced at the same time, or not, as is
// wanted.
func overlap(ctx context.Context, a, b *env, want bool) error {
	first, err := a.rollout(ctx)
	if err != nil {
		return err
	}
	second, err := b.rollout(ctx)
	if err != nil {
		return err
	}
	if got := first.Began.Before(second.Ended) && second.Began.Before(first.Ended); got != want {
		return fmt.Errorf("pods were replaced at the same time: %v, want %v: %+v and %+v", got, want, first, second)
	}
	return nil
}
