package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := realMain(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func realMain(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	faults, err := readAll()
	if err != nil {
		return err
	}
	if faults = o.choose(faults); len(faults) == 0 {
		return errors.New("no fault has such a name")
	}
	if o.list {
		list(stdout, faults)
		return nil
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sipring-mutants-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := runner{suite: suite{root: root, dir: dir, seeds: o.seeds, sim: o.sim, slack: 20 * time.Second}, limit: o.limit, out: stdout}
	return r.run(ctx, faults)
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func list(w io.Writer, faults []fault) {
	for _, f := range faults {
		packages, simulate := f.checks()
		if simulate {
			packages = append(packages, simulation)
		}
		fmt.Fprintf(w, "%s (%s; %s)\n", f.name, f.edits[0].file, strings.Join(packages, ", "))
	}
}
