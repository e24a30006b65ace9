package admin

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fake struct {
	mu      sync.Mutex
	ready   bool
	hangs   string
	events  []Event
	changed chan struct{}
}

func (f *fake) Ready() (bool, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready, "filling 3 partitions"
}

func (f *fake) Live() (bool, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hangs == "", f.hangs
}

func (f *fake) Status() any { return map[string]int{"epoch": 7} }

func (f *fake) Events(after uint64) ([]Event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Event
	for _, e := range f.events {
		if e.Seq > after {
			out = append(out, e)
		}
	}
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return out, f.changed
}

func (f *fake) add(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, Event{Seq: uint64(len(f.events) + 1), Value: map[string]string{"kind": kind}})
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

func start(t *testing.T, f *fake, profiling bool) string {
	t.Helper()
	return "http://" + startServer(t, f, profiling).Address().String()
}

func startServer(t *testing.T, f *fake, profiling bool) *Server {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sipring_test"}, func() float64 { return 3 }))
	s, err := Start(Config{Address: "127.0.0.1:0", HealthAddress: "127.0.0.1:0", Backend: f, Gatherer: reg, Profiling: profiling, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestPages(t *testing.T) {
	f := &fake{}
	f.add("peer_lost")
	f.add("ring_changed")
	base := start(t, f, false)
	for name, c := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"health":            {"/healthz", 200, "ok"},
		"not ready":         {"/readyz", 503, "filling 3 partitions"},
		"metrics":           {"/metrics", 200, "sipring_test 3"},
		"status":            {"/v1/status", 200, `"epoch": 7`},
		"events":            {"/v1/events", 200, "peer_lost"},
		"events after":      {"/v1/events?after=1", 200, "ring_changed"},
		"no newer events":   {"/v1/events?after=2", 200, "[]"},
		"bad position":      {"/v1/events?after=x", 400, "not a number"},
		"profiling is off":  {"/debug/pprof/", 404, ""},
		"live page":         {"/", 200, `src="page/page.js"`},
		"its script":        {"/page/page.js", 200, "drawRing"},
		"nothing elsewhere": {"/page/", 404, ""},
	} {
		status, body := get(t, base+c.path)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %q", name, status, body)
		}
	}
	if _, body := get(t, base+"/v1/events?after=1"); strings.Contains(body, "peer_lost") {
		t.Errorf("an event that was seen comes again: %s", body)
	}
	f.mu.Lock()
	f.ready, f.hangs = true, "no steps: core 5"
	f.mu.Unlock()
	if status, body := get(t, base+"/healthz"); status != 503 || !strings.Contains(body, "core 5") {
		t.Errorf("a process that hangs: %d %q", status, body)
	}
	if status, _ := get(t, base+"/readyz"); status != 200 {
		t.Errorf("ready: %d", status)
	}
	r, err := http.Post(base+"/v1/status", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.StatusCode)
	}
}

// TestProbes are answered on a port of their own, where nothing else is.
func TestProbes(t *testing.T) {
	f := &fake{}
	base := "http://" + startServer(t, f, true).HealthAddress().String()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 404, "/v1/status": 404, "/v1/events": 404, "/debug/pprof/": 404, "/": 404} {
		if status, body := get(t, base+path); status != want {
			t.Errorf("%s: %d %q, want %d", path, status, body, want)
		}
	}
	f.mu.Lock()
	f.ready, f.hangs = true, "no steps: core 5"
	f.mu.Unlock()
	for path, want := range map[string]int{"/healthz": 503, "/readyz": 200} {
		if status, body := get(t, base+path); status != want {
			t.Errorf("%s: %d %q, want %d", path, status, body, want)
		}
	}
}

// TestPortInUse names the setting, and takes no other port.
func TestPortInUse(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	used, other := held.Addr().String(), free.Addr().String()
	_ = free.Close()
	for setting, c := range map[string]Config{
		"ports.admin":  {Address: used, HealthAddress: other},
		"ports.health": {Address: other, HealthAddress: used},
	} {
		c.Backend, c.Gatherer, c.Log = &fake{}, prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
		s, err := Start(c)
		if err == nil {
			t.Fatalf("%s: started at a port in use", setting)
		}
		if s != nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), used) {
			t.Errorf("%q does not name %s and %s", err, setting, used)
		}
		again, err := net.Listen("tcp", other)
		if err != nil {
			t.Fatalf("%s: the other port is still taken: %v", setting, err)
		}
		_ = again.Close()
	}
}

func TestProfilesWhenEnabled(t *testing.T) {
	base := start(t, &fake{}, true)
	if status, body := get(t, base+"/debug/pprof/goroutine?debug=1"); status != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("%d %q", status, body)
	}
}

func TestFollowStreamsEventsAsTheyHappen(t *testing.T) {
	f := &fake{}
	f.add("first")
	base := start(t, f, false)
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	r, err := c.Get(base + "/v1/events?follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	lines := bufio.NewScanner(r.Body)
	next := func(want string) {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "data: ") {
				if !strings.Contains(lines.Text(), want) {
					t.Errorf("got %s, want %s", lines.Text(), want)
				}
				return
			}
		}
		t.Fatalf("the stream ended before %s: %v", want, lines.Err())
	}
	next("first")
	f.add("second")
	next("second")
}

// TestFollowersAreBounded from each source, so that one does not keep out others,
// and in all.
func TestFollowersAreBounded(t *testing.T) {
	base := start(t, &fake{}, false)
	follow := func(source byte) int {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, source)}}
		c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: d.DialContext}}
		r, err := c.Get(base + "/v1/events?follow=1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Body.Close(); c.CloseIdleConnections() })
		return r.StatusCode
	}
	const sources = maxFollowers / followersOfOne
	for source := range byte(sources) {
		for i := range followersOfOne + 1 {
			if refused := follow(10+source) == http.StatusServiceUnavailable; refused != (i == followersOfOne) {
				t.Fatalf("follower %d of source %d: refused %v", i, source, refused)
			}
		}
	}
	if status := follow(10 + sources); status != http.StatusServiceUnavailable {
		t.Errorf("one more than may follow in all: %d", status)
	}
	for _, path := range []string{"/", "/page/page.js", "/v1/status", "/v1/events"} {
		if status, body := get(t, base+path); status != http.StatusOK {
			t.Errorf("%s while as many follow as may: %d %q", path, status, body)
		}
	}
}
