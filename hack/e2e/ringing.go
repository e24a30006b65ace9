//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

//go:embed manifests/ringing.xml
var ringingScenario string

const (
	// ringFor is how long the phones ring that these calls are to, and talkFor how long a
	// call is up then.
	ringFor, talkFor = 3 * time.Second, 8 * time.Second
	// ringRate is how many calls are begun in a second, by all.
	ringRate = 40
	// strikeAfter is the part of the calls that have begun when the fault comes, 1 in so many:
	// 10 s of 1200 calls.
	strikeAfter = 3
)

// dialler is SIPp making calls at a rate, each from a socket of its own, to phones that ring.
type dialler struct {
	cmd   *exec.Cmd
	dir   string
	calls int
	ended chan struct{} // closed when SIPp has ended
}

// post is where a SIPp is.
type post struct {
	at      netip.Addr
	command func(ctx context.Context, name string, args ...string) *exec.Cmd
}

// dial begins n calls at a rate to these phones in turn.
func dial(ctx context.Context, from post, to netip.AddrPort, password string, callees []*phones.Phone, n, rate int) (*dialler, error) {
	dir, err := os.MkdirTemp("", "sipp-")
	if err != nil {
		return nil, err
	}
	users := "SEQUENTIAL\n"
	for _, callee := range callees {
		users += callee.User() + ";" + caller + ";[authentication username=" + caller + " password=" + password + "]\n"
	}
	for name, content := range map[string]string{"ringing.xml": ringingScenario, "users.csv": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	d := &dialler{dir: dir, calls: n, ended: make(chan struct{})}
	d.cmd = from.command(ctx, "sipp", to.String(), "-sf", "ringing.xml", "-inf", "users.csv",
		"-i", from.at.String(), "-mi", from.at.String(), "-t", "un", "-max_socket", "4000", "-buff_size", "2097152",
		"-r", strconv.Itoa(rate), "-m", strconv.Itoa(n), "-l", strconv.Itoa(n), "-d", strconv.FormatInt(talkFor.Milliseconds(), 10),
		"-default_behaviors", "all,-abortunexp", "-nostdin", "-auth_uri", domain,
		"-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "stats.csv", "-fd", "1")
	d.cmd.Dir = dir
	screen, err := os.Create(filepath.Join(dir, "screen.log"))
	if err != nil {
		return nil, err
	}
	defer screen.Close()
	d.cmd.Stdout, d.cmd.Stderr = screen, screen
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("sipp: %w", err)
	}
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait() // its statistics tell how it went
	}()
	return d, nil
}

// wait returns when all calls have ended, well or not. A call that has not ended in time, or
// was not begun, is one that failed.
func (d *dialler) wait(ctx context.Context) (out phones.Outcome, err error) {
	limit := time.Duration(d.calls/ringRate)*5*time.Second + ringFor + talkFor + 4*phones.AnswerLimit
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-d.ended:
	case <-ctx.Done():
	}
	d.close()
	text, err := os.ReadFile(filepath.Join(d.dir, "stats.csv"))
	if err != nil {
		return out, fmt.Errorf("sipp: %w: %s", err, strings.Join(d.said(), "; "))
	}
	s, err := statistics(string(text))
	if err != nil {
		return out, err
	}
	out.OK, out.Of = s["SuccessfulCall(C)"], d.calls
	if !out.Whole() {
		out.Errors = append([]string{reasons(s)}, d.said()...)
		out.Errors = out.Errors[:min(len(out.Errors), phones.KeepErrors)]
	}
	return out, nil
}

// reasons are how many calls SIPp says failed for which reason.
func reasons(statistics map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(statistics)) {
		if n := statistics[name]; n > 0 && strings.HasPrefix(name, "Failed") && strings.HasSuffix(name, "(C)") {
			parts = append(parts, fmt.Sprintf("%s %d", strings.TrimSuffix(name, "(C)"), n))
		}
	}
	return "sipp: " + strings.Join(parts, ", ")
}

func (d *dialler) close() {
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// said are the first errors that SIPp noted.
func (d *dialler) said() (out []string) {
	raw, _ := os.ReadFile(filepath.Join(d.dir, "errors.log"))
	for line := range strings.Lines(string(raw)) {
		// Messages follow that are no lines of its own, and some of those end with no newline.
		for part := range strings.SplitSeq(line, "aborting call") {
			if part = strings.TrimSpace(part); strings.Contains(part, "Call-Id") && len(out) < phones.KeepErrors {
				out = append(out, part)
			}
		}
	}
	return out
}

// statistics are the numbers in the last line of SIPp's statistics, by their names.
func statistics(text string) (map[string]int, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = ';', true, -1
	rows, err := reader.ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, errors.Join(fmt.Errorf("sipp: %d lines of statistics", len(rows)), err)
	}
	last, all := rows[len(rows)-1], map[string]int{}
	for i, name := range rows[0] {
		if i < len(last) {
			if n, err := strconv.Atoi(last[i]); err == nil {
				all[name] = n
			}
		}
	}
	if _, ok := all["SuccessfulCall(C)"]; !ok {
		return nil, errors.New("sipp: its statistics have no SuccessfulCall(C)")
	}
	return all, nil
}
