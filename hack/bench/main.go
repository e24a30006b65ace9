package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := realMain(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// realMain returns after every child is gone: whatever starts one stops it in
// a defer, and everything that waits obeys the context.
func realMain(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	c, err := readCPUs()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sipring-bench-")
	if err != nil {
		return err
	}
	b := &bench{options: o, cpus: c, dir: dir, log: stderr}
	if o.keep {
		b.progress("working directory %s", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}

	r, err := b.run(ctx, args)
	if err != nil {
		return err
	}
	asJSON, err := r.json()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, r.text()); err != nil {
		return err
	}
	if err := errors.Join(write(o.markdown, []byte(r.markdown()), stdout), write(o.jsonFile, asJSON, stdout)); err != nil {
		return err
	}
	if o.pprofDir != "" {
		if err := b.profile(ctx, o.pprofDir); err != nil {
			return fmt.Errorf("profile sipring: %w", err)
		}
	}
	if err := r.gaps(); err != nil {
		return fmt.Errorf("these figures are no comparison: %w", err)
	}
	return nil
}
