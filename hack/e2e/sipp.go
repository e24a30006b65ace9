//go:build linux

package main

import (
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

//go:embed manifests/uac.xml
var scenario string

// Each call is held for a random time between these. The first are answered
// while the last are set up, so the fault comes a good while before holdMin.
const (
	holdMin  = 3 * time.Second
	holdMax  = 5 * time.Second
	callRate = 100 // begun in a second
)

// held is SIPp's calls, while they are up.
type held struct {
	cmd   *exec.Cmd
	dir   string
	calls int
	ended chan error
}

// hold begins n calls, to the first n phones, each from a socket of its own so
// that load balancing spreads them.
func (e *env) hold(ctx context.Context, n int) (*held, error) {
	dir, err := os.MkdirTemp("", "sipring-e2e-sipp-")
	if err != nil {
		return nil, err
	}
	h := &held{dir: dir, calls: n, ended: make(chan error, 1)}
	users := "SEQUENTIAL\n"
	for _, p := range e.load.Phones[:n] {
		users += p.User() + ";\n"
	}
	text := strings.NewReplacer("HOLD_MIN", fmt.Sprint(holdMin.Milliseconds()), "HOLD_MAX", fmt.Sprint(holdMax.Milliseconds())).Replace(scenario)
	for name, content := range map[string]string{"uac.xml": text, "users.csv": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	h.cmd, err = e.clientCommand(ctx, "sipp", e.proxy.String(), "-sf", "uac.xml", "-inf", "users.csv",
		"-i", e.callers.String(), "-mi", e.callers.String(), "-t", "un", "-max_socket", "4000", "-buff_size", "2097152",
		"-r", strconv.Itoa(callRate), "-m", strconv.Itoa(n), "-l", strconv.Itoa(n),
		"-default_behaviors", "all,-abortunexp", "-timeout", "90", "-nostdin",
		"-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "stat.csv", "-fd", "1")
	if err != nil {
		return nil, err
	}
	h.cmd.Dir = dir
	if h.cmd.Stdout, err = os.Create(filepath.Join(dir, "screen.log")); err != nil {
		return nil, err
	}
	h.cmd.Stderr = h.cmd.Stdout
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("sipp: %w", err)
	}
	go func() { h.ended <- h.cmd.Wait() }()
	return h, nil
}

// up waits until all calls are answered, by the count that the phones keep.
func (h *held) up(ctx context.Context, l *phones.Load, before int64) error {
	limit := time.Now().Add(20 * time.Second)
	for l.Answered()-before < int64(h.calls) {
		select {
		case err := <-h.ended:
			return fmt.Errorf("sipp ended with %d of %d calls up (see %s): %w", l.Answered()-before, h.calls, h.dir, errOr(err))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond): // the interval at which the phones are asked
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%d of %d calls up after 20 s: see %s", l.Answered()-before, h.calls, h.dir)
		}
	}
	return nil
}

// result waits for SIPp's end and tells how many calls went through to the
// answer of their BYE.
func (h *held) result(ctx context.Context) (phones.Outcome, error) {
	out := phones.Outcome{Of: h.calls}
	select {
	case err := <-h.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return out, err
		}
	case <-ctx.Done():
		return out, ctx.Err()
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "stat.csv"))
	if err != nil {
		return out, err
	}
	if out.OK, err = successful(string(text)); err != nil {
		return out, err
	}
	if out.Whole() {
		return out, os.RemoveAll(h.dir)
	}
	raw, _ := os.ReadFile(filepath.Join(h.dir, "errors.log"))
	for line := range strings.Lines(string(raw)) {
		if len(out.Errors) < phones.KeepErrors && strings.TrimSpace(line) != "" {
			out.Errors = append(out.Errors, strings.TrimSpace(line))
		}
	}
	out.Errors = append(out.Errors, "SIPp's files: "+h.dir)
	return out, nil
}

// successful reads the last line of SIPp's -trace_stat file.
func successful(text string) (int, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = ';', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		return 0, fmt.Errorf("parse SIPp statistics: %w", err)
	}
	if len(rows) < 2 {
		return 0, fmt.Errorf("parse SIPp statistics: %d lines", len(rows))
	}
	last := rows[len(rows)-1]
	for i, name := range rows[0] {
		if name == "SuccessfulCall(C)" && i < len(last) {
			return strconv.Atoi(last[i])
		}
	}
	return 0, errors.New("parse SIPp statistics: no column SuccessfulCall(C)")
}

// errOr names the end of a program that ended well but too early.
func errOr(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}
