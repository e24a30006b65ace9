package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/peer"
)

func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

// shell starts a script in the place of a proxy.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	p := &Process{Name: "proxy-9", Args: []string{"-c", script}, Say: t.Logf}
	p, err := Start("/bin/sh", t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(5 * time.Second) })
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
	at, err := p.Kill()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs again", func() bool { alive, restarts := p.Running(); return alive && restarts > 0 })
	if after := time.Since(at); after < RestartDelay {
		t.Errorf("started again after %v, want %v or more", after, RestartDelay)
	}
	if _, restarts := p.Running(); restarts != 1 {
		t.Errorf("%d restarts, want 1", restarts)
	}
	if err := p.Broken(); err != nil {
		t.Errorf("killed, but counts as ended by itself: %v", err)
	}
}

// Whoever ends it chooses the signal and how long it stays down.
func TestProcessEndedOnOnesOwnTerms(t *testing.T) {
	p := shell(t, "echo begun; exec sleep 60")
	for i, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		eventually(t, "it runs", func() bool { alive, _ := p.Running(); return alive })
		if _, err := p.End(signal, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it was started again", func() bool { alive, restarts := p.Running(); return alive && restarts == i+1 })
	}
	if err := p.Broken(); err != nil {
		t.Errorf("asked to end, but counts as ended by itself: %v", err)
	}
}

// A paused process lives, does nothing, and can be ended.
func TestPausedProcess(t *testing.T) {
	p := shell(t, "while :; do echo tick; sleep 0.01; done")
	size := func() int64 {
		info, err := p.log.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		return err == nil && strings.Contains(string(stat), ") T ")
	})
	before := size()
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes on", func() bool { return size() > before })
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.Stop(20 * time.Second)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("a paused process ended after %v", took)
	}
}

func TestProcessThatEndsByItselfIsBlamed(t *testing.T) {
	for script, want := range map[string]string{
		"echo first; echo last words >&2; exit 3": "proxy-9 ended by itself: exit status 3: last words",
		"exit 0":        "proxy-9 ended by itself: exit status 0: ",
		"kill -SEGV $$": "proxy-9 ended by itself: signal: segmentation fault: ",
	} {
		p := shell(t, script)
		eventually(t, "it is blamed", func() bool { return p.Broken() != nil })
		if got := p.Broken().Error(); got != want {
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
			p.Stop(c.grace)
			p.Stop(c.grace) // again is harmless
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
			if alive, _ := p.Running(); alive {
				t.Error("still runs")
			}
		})
	}
}

func TestProcessThatCannotBeStarted(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := Start(missing, t.TempDir(), &Process{Name: "proxy-9"}); err == nil || !strings.Contains(err.Error(), "start proxy-9: ") {
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
	p.ID, p.Address, p.Admin, p.Health = 1, netip.MustParseAddr("127.0.0.1"), server.URL, server.URL
	var published []membership.Result
	path := filepath.Join(t.TempDir(), config.MembersKey)
	o := &Operator{Path: path, Advertise: "127.0.0.1:5060", Ring: config.Ring{}.WithDefaults(), ProbeTimeout: PatientProbe, Processes: []*Process{p}, Changed: func(r membership.Result) { published = append(published, r) }}
	for i, step := range []struct {
		ready bool
		epoch uint64
		state config.MemberState
	}{{false, 1, config.Joining}, {false, 1, config.Joining}, {true, 2, config.Active}, {true, 2, config.Active}} {
		ready.Store(step.ready)
		if err := o.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		set := o.Current()
		if set.Epoch != step.epoch || len(set.Members) != 1 || set.Members[0].State != step.state || len(published) != int(step.epoch) {
			t.Errorf("step %d: epoch %d, members %+v, published %d times; want epoch %d and %s", i, set.Epoch, set.Members, len(published), step.epoch, step.state)
		}
	}
	ended, cancel := contextEnded(t)
	defer cancel()
	if err := o.Publish(ended); err == nil || o.Current().Epoch != 2 {
		t.Errorf("nobody could be asked, yet: %v, epoch %d", err, o.Current().Epoch)
	}
}

// TestOperatorAsksWhoIsMissed: a process that hangs leaves the ring when those
// that are ready do not reach it, and not for its own silence.
func TestOperatorAsksWhoIsMissed(t *testing.T) {
	var hangs, missed atomic.Bool
	proxy := func(mayHang bool) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if mayHang && hangs.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			status := peer.Status{Members: []peer.MemberStatus{{Name: "b", Liveness: "up"}}}
			if missed.Load() {
				status.Members[0].Liveness = "down"
			}
			if r.URL.Path == "/v1/status" {
				_ = json.NewEncoder(w).Encode(status)
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	o := &Operator{Path: filepath.Join(t.TempDir(), config.MembersKey), Ring: config.Ring{}.WithDefaults(), ProbeTimeout: PatientProbe, Changed: func(membership.Result) {}}
	for i, name := range []string{"a", "b"} {
		url := proxy(i == 1)
		p, err := Start("/bin/sh", t.TempDir(), &Process{
			ID: uint32(i + 1), Name: name, Address: netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), Admin: url, Health: url,
			Args: []string{"-c", "exec sleep 60"}, Say: t.Logf,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Stop(5 * time.Second) })
		o.Processes = append(o.Processes, p)
	}
	for _, step := range []struct {
		hangs, missed bool
		want          config.MemberState
	}{{false, false, config.Active}, {true, false, config.Active}, {true, true, config.Joining}, {true, false, config.Joining}, {false, false, config.Active}} {
		hangs.Store(step.hangs)
		missed.Store(step.missed)
		if err := o.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := o.Current().Members[1].State; s != step.want {
			t.Errorf("hangs %v, missed %v: %s, want %s", step.hangs, step.missed, s, step.want)
		}
	}
}
