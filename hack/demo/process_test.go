package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// shell starts a script in the place of a proxy.
func shell(t *testing.T, script string) *process {
	t.Helper()
	p := &process{name: "proxy-9", args: []string{"-c", script}, say: t.Logf}
	p, err := startProcess("/bin/sh", t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(5 * time.Second) })
	return p
}

// eventually waits for a condition that the supervisor brings about.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 20 s: " + what)
		}
	}
}

func TestKilledProcessIsStartedAgain(t *testing.T) {
	p := shell(t, "exec sleep 60")
	at, err := p.kill()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is dead", func() bool { alive, _ := p.running(); return !alive })
	eventually(t, "it runs again", func() bool { alive, _ := p.running(); return alive })
	if after := time.Since(at); after < restartDelay {
		t.Errorf("started again after %v, want %v or more", after, restartDelay)
	}
	if _, restarts := p.running(); restarts != 1 {
		t.Errorf("%d restarts, want 1", restarts)
	}
	if err := p.broken(); err != nil {
		t.Errorf("killed, but counts as ended by itself: %v", err)
	}
}

func TestProcessThatEndsByItselfIsBlamed(t *testing.T) {
	for script, want := range map[string]string{
		"echo first; echo last words >&2; exit 3": "proxy-9 ended by itself: exit status 3: last words",
		"exit 0":        "proxy-9 ended by itself: exit status 0: ",
		"kill -SEGV $$": "proxy-9 ended by itself: signal: segmentation fault: ",
	} {
		p := shell(t, script)
		eventually(t, "it is blamed", func() bool { return p.broken() != nil })
		if got := p.broken().Error(); got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

func TestStoppedProcessStaysDown(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
	}{
		"at once":                    {"exec sleep 60", 20 * time.Second},
		"deaf, so it is killed":      {"trap '' TERM; echo deaf; while :; do sleep 60; done", 50 * time.Millisecond},
		"stopped before it restarts": {"echo deaf", 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			p := shell(t, c.script)
			if strings.Contains(c.script, "deaf") {
				eventually(t, "it is deaf", func() bool { return lastLine(p.log) == "deaf" })
			}
			began := time.Now()
			p.stop(c.grace)
			p.stop(c.grace) // again is harmless
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
			if alive, _ := p.running(); alive {
				t.Error("still runs")
			}
		})
	}
}

func TestProcessThatCannotBeStarted(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := startProcess(missing, t.TempDir(), &process{name: "proxy-9"}); err == nil || !strings.Contains(err.Error(), "start proxy-9: ") {
		t.Errorf("got %v", err)
	}
}

// A ring is not waited for when a proxy has ended.
func TestWaitRingEndsWithABrokenProxy(t *testing.T) {
	c := &cluster{processes: []*process{shell(t, "echo no; exit 1")}, operator: &operator{}}
	if err := c.waitRing(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "exit status 1: no") {
		t.Errorf("got %v", err)
	}
}

// The operator publishes when, and only when, the set changes.
func TestOperatorPublishes(t *testing.T) {
	var ready atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	p := shell(t, "exec sleep 60")
	p.id, p.address, p.admin = 1, netip.MustParseAddr("127.0.0.1"), server.URL
	var published []membership.Result
	path := filepath.Join(t.TempDir(), "members.json")
	o := &operator{path: path, advertise: "127.0.0.1:5060", processes: []*process{p}, changed: func(r membership.Result) { published = append(published, r) }}
	for i, step := range []struct {
		ready bool
		epoch uint64
		state config.MemberState
	}{{false, 1, config.Joining}, {false, 1, config.Joining}, {true, 2, config.Active}, {true, 2, config.Active}} {
		ready.Store(step.ready)
		if err := o.publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		set := o.current()
		if set.Epoch != step.epoch || len(set.Members) != 1 || set.Members[0].State != step.state || len(published) != int(step.epoch) {
			t.Errorf("step %d: epoch %d, members %+v, published %d times; want epoch %d and %s", i, set.Epoch, set.Members, len(published), step.epoch, step.state)
		}
	}
	ended, cancel := contextEnded(t)
	defer cancel()
	if err := o.publish(ended); err == nil || o.current().Epoch != 2 {
		t.Errorf("nobody could be asked, yet: %v, epoch %d", err, o.current().Epoch)
	}
}
