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
	if err := e.stage.workspace(ctx); err != nil {
		return err
	}
	defer func() {
		if closed := e.stage.close(); closed != nil {
			err = errors.Join(err, fmt.Errorf("tear down: %w", closed))
		}
		e.stage.step("done")
	}()
	results, err := e.story(ctx)
	printTable(out, results)
	if o.repeat > 1 {
		printSum(out, results)
	}
	if o.jsonFile != "" {
		err = errors.Join(err, writeJSON(o.jsonFile, results))
	}
	for _, r := range results {
		if r.failed() {
			err = errors.Join(err, fmt.Errorf("case %s failed", r.Case))
		}
	}
	if err != nil && e.kube.cluster != nil && ctx.Err() == nil {
		err = errors.Join(err, e.stage.keepLogs(func(dir string) error { return e.proxies.saveLogs(context.WithoutCancel(ctx), dir) }))
	}
	if o.logs != "" && err != nil {
		fmt.Fprintln(out, "logs are in", o.logs)
	}
	return err
}
