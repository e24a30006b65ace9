//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// run is the whole test. It fails, too, if it leaves anything behind.
func run(ctx context.Context, o *options, out io.Writer) (err error) {
	e := newEnv(o, out)
	// Before anything else, so that it is looked for when all else is done.
	if err := e.workspace(ctx); err != nil {
		return err
	}
	defer func() {
		if closed := e.close(); closed != nil {
			err = errors.Join(err, fmt.Errorf("tear down: %w", closed))
		}
		e.step("done")
	}()
	results, err := e.story(ctx)
	printTable(out, results)
	if o.jsonFile != "" {
		err = errors.Join(err, writeJSON(o.jsonFile, results))
	}
	for _, r := range results {
		if r.failed() {
			err = errors.Join(err, fmt.Errorf("case %s failed", r.Case))
		}
	}
	if err != nil && e.cluster != nil && ctx.Err() == nil {
		err = errors.Join(err, e.keepLogs(func(dir string) error { return e.saveLogs(context.WithoutCancel(ctx), dir) }))
	}
	if o.logs != "" && err != nil {
		fmt.Fprintln(out, "logs are in", o.logs)
	}
	return err
}

// story plays the cases: the one that needs no Kubernetes first.
func (e *env) story(ctx context.Context) ([]*result, error) {
	var results []*result
	if e.o.wants(bareCase) {
		r, err := e.bare(ctx)
		results = append(results, r)
		if err != nil {
			return results, fmt.Errorf("case %s: %w", bareCase, err)
		}
	}
	if !e.o.wantsCluster() {
		return results, nil
	}
	if err := e.prepare(ctx); err != nil {
		return results, err
	}
	for _, f := range faults() {
		if !e.o.wants(f.name) {
			continue
		}
		r, err := e.play(ctx, f)
		results = append(results, r)
		if err != nil {
			return results, fmt.Errorf("case %s: %w", f.name, err)
		}
	}
	return results, nil
}

// prepare ends with the phones registered.
func (e *env) prepare(ctx context.Context) error {
	if err := e.connect(ctx); err != nil {
		return err
	}
	if err := e.vacant(ctx); err != nil {
		return err
	}
	if !e.o.skipKustomize {
		if err := e.kustomized(ctx); err != nil {
			return fmt.Errorf("kustomization: %w", err)
		}
	}
	if err := e.charted(ctx); err != nil {
		return err
	}
	if err := e.sampled(ctx); err != nil {
		return err
	}
	if err := e.reach(ctx); err != nil {
		return err
	}
	if err := e.watchSlices(ctx); err != nil {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return e.whole(ctx, 3, nil) }); err != nil {
		return err
	}
	e.step("SIPCluster %s: 3 proxies in the ring, reached at %s", sipCluster, e.proxy)
	e.later(func(context.Context) error { e.leave(); return nil })
	return e.gather(ctx, e.o.phones)
}
