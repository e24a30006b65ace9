//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Names of what is installed.
const (
	namespace         = "sipring-e2e"
	operatorNamespace = "sipring-operator"
	sipCluster        = "voice"
	release           = "sipring"
)

// env plays the cases, with what each is made of: the way into the cluster, its
// proxies, everybody who calls, and what watches.
type env struct {
	stage   *stage
	kube    *kube
	proxies *proxies
	party   *party
	slices  *sliceLog
}

func newEnv(o *options, out io.Writer) *env {
	s := &stage{o: o, out: out, began: time.Now()}
	k := &kube{stage: s}
	return &env{stage: s, kube: k, proxies: &proxies{kube: k, name: sipCluster}}
}

// story plays the cases: the one that needs no Kubernetes first.
func (e *env) story(ctx context.Context) ([]*result, error) {
	var results []*result
	if e.stage.o.wants(bareCase) {
		r, err := e.bare(ctx)
		results = append(results, r)
		if err != nil {
			return results, fmt.Errorf("case %s: %w", bareCase, err)
		}
	}
	if !e.stage.o.wantsCluster() {
		return results, nil
	}
	if err := e.prepare(ctx); err != nil {
		return results, err
	}
	more, err := e.repeat(ctx, e.cases())
	return append(results, more...), err
}

// repeat plays those that are wanted as often as is wanted. All runs are on one cluster: what
// is lost once in many may come of what earlier ones left behind.
func (e *env) repeat(ctx context.Context, cases []played) (results []*result, err error) {
	for run := range e.stage.o.repeat {
		for _, c := range cases {
			if !e.stage.o.wants(c.name) {
				continue
			}
			more, err := e.playCase(ctx, c, run+1)
			results = append(results, more...)
			if err != nil {
				return results, fmt.Errorf("case %s: %w", c.name, err)
			}
			if e.stage.o.stopAtLoss && slices.ContainsFunc(more, (*result).failed) {
				return results, nil
			}
		}
	}
	return results, nil
}

// playCase plays one, and keeps what there is to see when it loses something.
func (e *env) playCase(ctx context.Context, c played, run int) ([]*result, error) {
	title := c.name
	if e.stage.o.repeat > 1 {
		title = fmt.Sprintf("%s, run %d of %d", c.name, run, e.stage.o.repeat)
	}
	e.stage.evidence.begin(title)
	results, err := c.play(ctx)
	var errs []string
	for _, r := range results {
		r.Run = run
		if r.failed() {
			errs = append(append(errs, r.Title+":"), r.errors()...)
		}
		if e.stage.o.repeat > 1 {
			e.stage.step("%s, run %d: %s", r.Title, run, r.verdict())
		}
	}
	if err != nil {
		errs = append(errs, err.Error())
	}
	if len(errs) > 0 { // and nobody noticed sooner
		e.stage.evidence.lost(ctx, e.proxies, errs...)
	}
	return results, err
}

// played is a case on the cluster, however it is played.
type played struct {
	name string
	play func(ctx context.Context) ([]*result, error)
}

// cases in the order in which they happen.
func (e *env) cases() (all []played) {
	one := func(r *result, err error) ([]*result, error) { return []*result{r}, err }
	first := observing()
	all = append(all, played{first.name, func(ctx context.Context) ([]*result, error) { return e.playSequence(ctx, first) }})
	for _, f := range faults() {
		all = append(all, played{f.name, func(ctx context.Context) ([]*result, error) { return one(e.play(ctx, f)) }})
	}
	for _, s := range stacks() {
		all = append(all, played{s.name, func(ctx context.Context) ([]*result, error) { return e.playStack(ctx, s) }})
	}
	for _, s := range sequences() {
		if s.in != "" && e.stage.o.wants(s.in) || s.apart && len(e.stage.o.only) == 0 {
			continue
		}
		all = append(all, played{s.name, func(ctx context.Context) ([]*result, error) { return e.playSequence(ctx, s) }})
	}
	return all
}

// prepare ends with the phones registered.
func (e *env) prepare(ctx context.Context) error {
	if err := e.kube.connect(ctx); err != nil {
		return err
	}
	e.stage.evidence = &evidence{stage: e.stage, save: e.kube.saveEvidence}
	i := &installation{stage: e.stage, kube: e.kube}
	if err := i.vacant(ctx); err != nil {
		return err
	}
	if !e.stage.o.skipKustomize {
		if err := i.kustomized(ctx); err != nil {
			return fmt.Errorf("kustomization: %w", err)
		}
	}
	if err := i.charted(ctx); err != nil {
		return err
	}
	passwords := everybody(max(e.stage.o.phones, sharedRingers+sharedQuick))
	if err := i.sampled(ctx, passwords); err != nil {
		return err
	}
	var err error
	if e.party, err = invite(ctx, e.kube); err != nil {
		return err
	}
	e.party.passwords, e.party.notice = passwords, e.notice
	e.slices = watchSlices(ctx, e.kube, sipCluster)
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return e.proxies.whole(ctx, 3, nil) }); err != nil {
		return err
	}
	e.stage.step("SIPCluster %s: 3 proxies in the ring, reached at %s", sipCluster, e.party.proxy)
	e.stage.later(func(context.Context) error { e.party.leave(); return nil })
	return e.party.gather(ctx, e.stage.o.phones)
}
