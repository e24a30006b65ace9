package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStopEndsTheWholeFamily(t *testing.T) {
	need(t, "taskset")
	c, err := readCPUs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// The parent dies of SIGTERM, its child does not care.
	p, err := start("family", c.server, dir, []string{"sh", "-c", `sh -c 'trap "" TERM; echo up > up; while :; do sleep 1; done' & wait`})
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	waitFor(t, p, filepath.Join(dir, "up"))
	family, err := processTree(p.pid())
	if err != nil || len(family) < 2 {
		t.Fatalf("family %v, error %v, want parent and child", family, err)
	}
	p.stop()
	p.stop() // harmless
	for _, s := range family {
		if !s.gone() {
			t.Errorf("process %d outlived stop", s.pid)
		}
	}
}

func TestRunPinnedTellsStatusFromFailure(t *testing.T) {
	need(t, "taskset")
	c, err := readCPUs()
	if err != nil {
		t.Fatal(err)
	}
	out, status, err := runPinned(t.Context(), c.load, t.TempDir(), []string{"sh", "-c", "echo hello; exit 3"})
	if err != nil || status != 3 || string(out) != "hello\n" {
		t.Errorf("got %q, status %d, error %v", out, status, err)
	}
	if _, _, err := runPinned(t.Context(), c.load, t.TempDir(), []string{"/no/such/program"}); err == nil {
		t.Error("no error for a program that does not exist")
	}
	if _, _, err := runPinned(t.Context(), c.load, t.TempDir(), []string{"sh", "-c", "kill -KILL $$"}); err == nil {
		t.Error("no error for a load that was killed")
	}
}

// A whole run against the echo: compiled, started, loaded, measured, stopped.
func TestRunAgainstEcho(t *testing.T) {
	need(t, "taskset", "gcc")
	var stdout, stderr bytes.Buffer
	args := []string{"--only", "echo", "--rounds", "2", "--bindings", "200", "--refreshes", "1000", "--idle", "1", "--markdown", "-"}
	if err := realMain(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	for _, want := range []string{"| server CPU per REGISTER, refresh [us] | ", "| REGISTERs not answered 200 | 0 |", "2 interleaved rounds"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, stdout.String())
		}
	}
	noChildren(t)
}

func TestCancelledRunLeavesNobodyBehind(t *testing.T) {
	need(t, "taskset", "gcc")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	stderr := &trigger{on: "round 1/", do: cancel}
	args := []string{"--only", "echo", "--rounds", "100", "--bindings", "200", "--refreshes", "1000"}
	if err := realMain(ctx, args, &bytes.Buffer{}, stderr); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	noChildren(t)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files left behind: %v, error %v", left, err)
	}
}

func TestServerThatDiesIsAProblemNotAFigure(t *testing.T) {
	need(t, "taskset", "gcc")
	binary := filepath.Join(t.TempDir(), "sipring")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n[ $1 = version ] && echo sipring v0 && exit\necho no such subcommand >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"--only", "sipring", "--sipring", binary, "--rounds", "1", "--calls", "0"}
	if err := realMain(t.Context(), args, &stdout, &stderr); err == nil || !strings.Contains(err.Error(), "no comparison: sipring: failed in round 1") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(stdout.String(), "sipring exited: no such subcommand") {
		t.Errorf("the reason is missing in\n%s", stdout.String())
	}
	noChildren(t)
}

// Nobody waits for minutes to see half a table: what is missing is told first.
func TestNothingIsMeasuredWhereSomethingIsMissing(t *testing.T) {
	need(t, "gcc")
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() // a machine with a compiler and nothing else
	for _, program := range []string{"gcc", "as", "ld"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(gcc), program), filepath.Join(path, program)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", path)
	var stdout bytes.Buffer
	err = realMain(t.Context(), []string{"--sipring", filepath.Join(path, "sipring"), "--rounds", "1"}, &stdout, &bytes.Buffer{})
	for _, want := range []string{"sipring: not built: ", "Kamailio: kamailio is not installed", "calls: sipp is not installed", "--only"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if stdout.Len() > 0 {
		t.Errorf("a table all the same:\n%s", stdout.String())
	}
}

func TestFetchProfile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/profile" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("profile"))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "p")
	if err := fetchProfile(t.Context(), server.URL+"/profile", file); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "profile" {
		t.Errorf("file %q, error %v", b, err)
	}
	if err := fetchProfile(t.Context(), server.URL+"/off", file+"2"); err == nil {
		t.Error("no error when the profiler is off")
	}
}

// trigger is a writer that acts on a text, once.
type trigger struct {
	on   string
	do   func()
	once sync.Once
}

func (t *trigger) Write(b []byte) (int, error) {
	if strings.Contains(string(b), t.on) {
		t.once.Do(t.do)
	}
	return len(b), nil
}

// need skips the test where a program of the system is missing. That hides
// nothing for long: make race, which needs the same compiler, runs them all.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: make race and make bench need it too", p)
		}
	}
}

func noChildren(t *testing.T) {
	t.Helper()
	tree, err := processTree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if len(tree) != 1 {
		t.Errorf("processes left behind: %v", tree[1:])
	}
}

// waitFor returns when the file exists, fails when its maker is gone.
func waitFor(t *testing.T, p *process, file string) {
	t.Helper()
	for {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if p.exited() || t.Context().Err() != nil {
			t.Fatalf("%s exited: %s", p.name, p.lastLine())
		}
	}
}
