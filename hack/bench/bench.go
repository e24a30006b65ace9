package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	options   options
	cpus      cpus
	dir       string // working directory: binaries, configurations, logs
	profiling bool   // start sipring with its profiler
	log       io.Writer
}

// progress is one line on stderr.
func (b *bench) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "bench: "+format+"\n", args...)
}

// run measures every server and returns the report. What is missing is told
// before anything is measured; a server that fails on the way is a column with
// a problem.
func (b *bench) run(ctx context.Context, args []string) (report, error) {
	if err := b.compile(ctx, "regload", filepath.Join(b.dir, "regload")); err != nil {
		return report{}, err
	}
	r := report{Date: time.Now(), Machine: readMachine(b.cpus), Parameters: b.options, Command: command(args)}
	if err := b.prepare(ctx, &r); err != nil {
		return report{}, err
	}
	if err := b.rounds(ctx, r.Columns); err != nil {
		return report{}, err
	}
	r.Rows = rows(r.Columns)
	return r, nil
}

// command is how the run is repeated.
func command(args []string) string {
	if len(args) == 0 {
		return "make bench"
	}
	return fmt.Sprintf("make bench BENCH='%s'", strings.Join(args, " "))
}

// prepare finds or builds all that is asked for; the error names all of it
// that cannot be had.
func (b *bench) prepare(ctx context.Context, r *report) error {
	var errs []error
	if b.options.Connections > 0 {
		errs = append(errs, b.compile(ctx, "connload", filepath.Join(b.dir, "connload"), "-lssl", "-lcrypto"))
	}
	for _, t := range b.targets() {
		version, err := t.prepare(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.label, err))
		}
		r.Columns = append(r.Columns, column{Name: t.name, Label: t.label, Version: version, target: t})
		if t.relays && b.options.Calls > 0 && r.SIPp == "" {
			if r.SIPp, err = sippVersion(ctx); err != nil {
				r.SIPp = "missing"
				errs = append(errs, fmt.Errorf("calls: %w", err))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, errors.New("name the servers to measure with --only, leave the calls out with --calls 0, TCP and TLS with --connections 0"))
	}
	return nil
}

// rounds interleaves the servers: A B C, A B C. One that fails is not tried
// again. The error is the context's.
func (b *bench) rounds(ctx context.Context, columns []column) error {
	for round := 1; round <= b.options.Rounds; round++ {
		for i := range columns {
			c := &columns[i]
			if c.Problem != "" {
				continue
			}
			s, err := b.measure(ctx, c.target, round)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.Problem = fmt.Sprintf("failed in round %d: %v", round, err)
				b.progress("round %d/%d: %s: %v", round, b.options.Rounds, c.Label, err)
				continue
			}
			c.Samples = append(c.Samples, s)
			b.progress("round %d/%d: %s: %s", round, b.options.Rounds, c.Label, s)
		}
	}
	return nil
}

// sippVersion is the version of SIPp.
func sippVersion(ctx context.Context) (string, error) {
	path, err := tool("sipp", "sip-tester")
	if err != nil {
		return "", err
	}
	out, _ := exec.CommandContext(ctx, path, "-v").Output() // its status for -v is not 0
	return parseSippVersion(string(out)), nil
}

// String is the progress line of a sample.
func (s sample) String() string {
	refresh, _ := perRequest(s.Refresh.CPU.Seconds(), s.Refresh.Result.OK)
	text := fmt.Sprintf("%.1f us/REGISTER, %.0f/s, %d failed", refresh,
		float64(s.Refresh.Result.OK)/s.Refresh.Result.Seconds, s.New.Result.failed()+s.Refresh.Result.failed())
	if s.Calls != nil {
		call, _ := perRequest(s.Calls.CPU.Seconds(), s.Calls.Result.Succeeded)
		text += fmt.Sprintf("; %.0f us/call, %d of %d failed", call,
			s.Calls.Result.Created-s.Calls.Result.Succeeded, s.Calls.Result.Created)
	}
	for _, c := range []struct {
		name string
		of   *connected
	}{{"TCP", s.TCP}, {"TLS", s.TLS}} {
		if c.of != nil {
			text += "; " + c.name + " " + c.of.String()
		}
	}
	return text
}

// write puts content into the file, or on stdout for "-".
func write(file string, content []byte, stdout io.Writer) error {
	switch file {
	case "":
		return nil
	case "-":
		_, err := stdout.Write(content)
		return err
	}
	return os.WriteFile(file, content, 0o644)
}
