//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

// run is the whole test.
func run(ctx context.Context, o *options, out io.Writer) (err error) {
	e := &env{o: o, out: out, began: time.Now()}
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
	if err != nil && e.cluster != nil {
		dir, saved := e.saveLogs(context.WithoutCancel(ctx))
		fmt.Fprintln(out, "logs are in", dir)
		err = errors.Join(err, saved)
	}
	return err
}

// story installs, registers the phones and plays the cases.
func (e *env) story(ctx context.Context) ([]*result, error) {
	if err := e.prepare(ctx); err != nil {
		return nil, err
	}
	var results []*result
	if e.o.wants(softphoneCase) {
		if err := e.softphone(ctx); err != nil {
			return nil, fmt.Errorf("softphone: %w", err)
		}
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
	if e.o.image == defaultImage && !e.o.skipKustomize {
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
	if err := e.eventually(ctx, installLimit, func(ctx context.Context) error { return e.whole(ctx, 3, nil) }); err != nil {
		return err
	}
	e.step("SIPCluster %s: 3 proxies in the ring, reached at %s", sipCluster, e.proxy)
	return e.populate(ctx)
}

// populate binds the phones and registers each, once.
func (e *env) populate(ctx context.Context) error {
	bound := 0
	l, err := phones.NewLoad(e.o.phones, phones.Config{Domain: domain, Proxy: e.proxy}, func(cfg phones.Config) (p *phones.Phone, err error) {
		cfg.Local = netip.AddrPortFrom(e.phoneAddress(bound), 0)
		bound++
		err = e.inClient(func() error {
			p, err = phones.New(cfg)
			return err
		})
		return p, err
	})
	if err != nil {
		return err
	}
	e.load = l
	e.later(func(context.Context) error { l.Close(); return nil })
	began := time.Now()
	if n := l.Register(ctx); !n.Whole() {
		return fmt.Errorf("%v phones registered: %v", n, n.Errors)
	}
	e.step("%d phones registered in %v, each once and for an hour", e.o.phones, time.Since(began).Round(time.Millisecond))
	c := e.callEverybody(ctx, phones.AnswerLimit)
	if !c.Reached.Whole() || !c.Hungup.Whole() {
		return fmt.Errorf("before any fault: %v phones called, %v hung up: %v %v", c.Reached, c.Hungup, c.Reached.Errors, c.Hungup.Errors)
	}
	e.step("every phone was called by its neighbour, slowest set-up %v", c.Slowest.Round(time.Millisecond))
	return nil
}
