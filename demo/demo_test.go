package demo

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// temporary makes the demo's folders appear in one of the test's own, and lists
// what is left of them. No process may be left at all then.
func temporary(t *testing.T) (left func() []string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() []string {
		noChildren(t)
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
}

// patient phones do not take a busy machine for a loss: how fast they are
// reached is not what is tested here.
const patient = 10 * time.Second

// Phones on all transports, of which each calls each and either side hangs up.
func TestDemoLosesNothing(t *testing.T) {
	left := temporary(t)
	var out bytes.Buffer
	cmd := NewCommand()
	cmd.SetArgs([]string{"--proxies", "3", "--phones", "64", "--calls", "32", "--patience", patient.String()})
	cmd.SetOut(&out)
	if err := cmd.ExecuteContext(limited(t)); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`SIGKILL of proxy-0`,
		`loss noticed by every survivor after +\d+\.\d ms`,
		`new effective ring on every survivor after +\d+\.\d ms`,
		`phones whose home it was +[1-9]`,
		`first call to one of them answered after +\d+\.\d ms`,
		`64 registered in \S+, each for an hour, after 64 challenges`,
		`registrations lost +0 of 64`,
		`phones on UDP callable within 10s without registering again +16 of 16`,
		`phones on TCP callable within 10s of being connected +16 of 16`,
		`phones on TLS callable within 10s of being connected +16 of 16`,
		`phones on WSS callable within 10s of being connected +16 of 16`,
		`back after 1 s +[1-9]`,
		`calls that waited for one of them, delivered +[1-9]`,
		`answered after the kill +32 of 32`,
		`calls lost +0 of 32`,
		`calls ringing at the kill: lost +0 of [1-9]`,
		`phones callable once it is back, empty +64 of 64`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if names := left(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// A phone that goes away with the proxy is a loss to whoever counts: what the
// demo says of the proxies is worth something only if it would say this.
func TestDemoReportsLoss(t *testing.T) {
	left := temporary(t)
	ctx := limited(t)
	var out bytes.Buffer
	o := &options{proxies: 3, phones: 12, calls: 4, patience: patient / 2, page: "127.0.0.1:0"}
	d, err := setUp(ctx, o, newTimeline(&out))
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	s := newScenario(d, o)
	if err := s.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	seePage(ctx, t, d)
	gone := 11 // in no call; phone 10's caller
	d.load.Phones[gone].Close()
	if err := s.kill(ctx); err != nil {
		t.Fatal(err)
	}
	d.ringing.Phones[1].Close() // while it rings
	for _, step := range []func(context.Context) error{s.measure, s.comeBack} {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	s.following.Wait()
	if err := d.conclude(ctx, s, &out); !errors.Is(err, errLost) || !strings.Contains(err.Error(), "logs in "+d.cluster.dir) {
		t.Errorf("ends with %v, want %v and where the logs are", err, errLost)
	}
	if r := s.result.ringing; r.OK != r.Of-1 {
		t.Errorf("%v calls that rang were answered, want all but one:\n%s", r, out.String())
	}
	if r := &s.result; r.registered != 11 || r.callable != 10 || r.byes != 4 || r.callableAgain != 10 {
		t.Errorf("registered %d, callable %d, again %d, BYEs %d; want 11, 10, 10, 4:\n%s", r.registered, r.callable, r.callableAgain, r.byes, out.String())
	}
	d.cluster.close()
	if names := left(); len(names) != 1 {
		t.Errorf("kept %v, want the folder with the logs", names)
	}
}

func TestDemoSaysWhyAProxyDoesNotStart(t *testing.T) {
	left := temporary(t)
	began := time.Now()
	_, err := setUp(limited(t), &options{proxies: 2, phones: 2, logLevel: "loud"}, newTimeline(&bytes.Buffer{}))
	if err == nil || !regexp.MustCompile(`(?s)proxy-\d ended by itself: exit status 1: .*loud.*\(logs in `).MatchString(err.Error()) {
		t.Errorf("got %v, want which proxy ended, its last words and where the logs are", err)
	}
	if took := time.Since(began); took > ringLimit/2 {
		t.Errorf("told after %v", took)
	}
	if names := left(); len(names) != 1 {
		t.Errorf("kept %v, want the folder with the logs", names)
	}
}

func TestDemoSaysThatThePageIsTaken(t *testing.T) {
	left := temporary(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = setUp(limited(t), &options{proxies: 2, phones: 2, page: l.Addr().String()}, newTimeline(&bytes.Buffer{}))
	if err == nil || !strings.HasPrefix(err.Error(), "live page, --page "+l.Addr().String()+": ") {
		t.Errorf("got %v, want that the page's address %s is taken", err, l.Addr())
	}
	if names := left(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// interrupter ends the demo when a line of the timeline says so.
type interrupter struct {
	at     string
	cancel context.CancelFunc
}

func (i *interrupter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), i.at) {
		i.cancel()
	}
	return len(b), nil
}

func TestInterruptedDemoLeavesNothing(t *testing.T) {
	for phase, at := range map[string]string{
		"proxies start": "0 active", "phones register": "proxies run", "calls are up": "calls are up",
		"kill": "SIGKILL to", "proxy comes back": "started again",
	} {
		t.Run(phase, func(t *testing.T) {
			left := temporary(t)
			ctx, cancel := context.WithCancel(limited(t))
			defer cancel()
			o := &options{proxies: 2, phones: 4, calls: 1, patience: patient}
			if err := run(ctx, o, &interrupter{at: at, cancel: cancel}); !errors.Is(err, errInterrupted) {
				t.Errorf("ends with %v, want %v", err, errInterrupted)
			}
			if names := left(); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

func TestSignalsEndTheDemoInOrder(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			left := temporary(t)
			raise := func() { _ = syscall.Kill(os.Getpid(), signal) }
			o := &options{proxies: 2, phones: 4, calls: 1, patience: patient}
			if err := run(limited(t), o, &interrupter{at: "calls are up", cancel: raise}); !errors.Is(err, errInterrupted) {
				t.Errorf("ends with %v, want %v", err, errInterrupted)
			}
			if names := left(); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

// Sockets are what a demo with many phones is short of.
func TestDemoSaysThatFilesAreShort(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = 100
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) }()
	_, err := setUp(limited(t), &options{proxies: 2, phones: 200}, newTimeline(&bytes.Buffer{}))
	if err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("got %v, want what to do", err)
	}
}

func TestInterruptWhileThePageIsKeptIsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	o := &options{proxies: 2, phones: 4, calls: 1, patience: patient, keep: time.Hour}
	if err := run(ctx, o, &interrupter{at: "The page stays", cancel: cancel}); err != nil {
		t.Error(err)
	}
}

// noChildren: nothing that the demo started may live on.
func noChildren(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	for _, name := range files {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent ...: proc_pid_stat(5).
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if rest[1] == strconv.Itoa(os.Getpid()) {
			t.Errorf("still runs: %s", stat)
		}
	}
}
