package main

import (
	"context"
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
	sipp      string // why there are no calls; empty: SIPp is there
	profiling bool   // start sipring with its profiler
	log       io.Writer
}

// progress is one line on stderr.
func (b *bench) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "bench: "+format+"\n", args...)
}

// run measures every server and returns the report. Servers that cannot be
// measured are columns with a problem; an error means that nothing can be.
func (b *bench) run(ctx context.Context, args []string) (report, error) {
	if err := b.compile(ctx, "regload", filepath.Join(b.dir, "regload")); err != nil {
		return report{}, err
	}
	r := report{
		Date: time.Now(), Machine: readMachine(b.cpus), Parameters: b.options,
		Command: strings.Join(append([]string{"go run ./hack/bench"}, args...), " "),
		SIPp:    b.prepareSipp(ctx),
	}
	for _, t := range b.targets() {
		c := column{Name: t.name, Label: t.label, target: t}
		var err error
		if c.Version, err = t.prepare(ctx); err != nil {
			b.progress("%s: %v", t.label, err)
			c.Version, c.Problem = "", err.Error()
		}
		r.Columns = append(r.Columns, c)
	}
	if err := b.rounds(ctx, r.Columns); err != nil {
		return report{}, err
	}
	r.Rows = rows(r.Columns)
	return r, nil
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
				c.Problem = "failed: " + err.Error()
				b.progress("round %d/%d: %s: %v", round, b.options.Rounds, c.Label, err)
				continue
			}
			c.Samples = append(c.Samples, s)
			b.progress("round %d/%d: %s: %s", round, b.options.Rounds, c.Label, s)
		}
	}
	return nil
}

// prepareSipp returns SIPp's version, or why there will be no calls.
func (b *bench) prepareSipp(ctx context.Context) string {
	path, err := b.tool(ctx, "sipp", "sip-tester")
	if err != nil {
		b.sipp = err.Error()
		return b.sipp
	}
	out, _ := exec.CommandContext(ctx, path, "-v").Output() // its status for -v is not 0
	return parseSippVersion(string(out))
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
