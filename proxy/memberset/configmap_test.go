package memberset

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

func encodePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestConfigMapFollowsTheObject(t *testing.T) {
	api := newFakeAPI(t)
	api.publish(content(1, "a"))
	c := api.source(t, "", &journal{})
	applied := run(t, c)
	wantEpoch(t, applied, 1)
	api.publish(content(2, "a"))
	wantEpoch(t, applied, 2)
	api.publish("{")
	until(t, "the broken content is counted", func() bool { return c.Counters().Invalid == 1 })
	api.set(func() { api.object = nil })
	api.publish(content(3, "a"))
	wantEpoch(t, applied, 3)
	api.get(func() {
		if want := "/api/v1/namespaces/voice/configmaps?metadata.name=ring-members&true&"; api.query != want || api.watches != 1 {
			t.Errorf("%d watches, the last %q, want one %q", api.watches, api.query, want)
		}
	})
}

func TestConfigMapSurvivesTheAPI(t *testing.T) {
	for rule, c := range map[string]struct {
		cause, mend func(*fakeAPI)
		failures    bool
	}{
		"a watch that ends is made again": {
			func(a *fakeAPI) { a.end = true }, func(a *fakeAPI) { a.end = false }, false,
		},
		"a refused watch is made again": {
			func(a *fakeAPI) { a.status, a.end = http.StatusForbidden, true }, func(a *fakeAPI) { a.status, a.end = http.StatusOK, false }, true,
		},
		"a watch that reports an error is made again": {
			func(a *fakeAPI) {
				a.fault, a.end = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410,"reason":"Expired"}}`, true
			}, func(a *fakeAPI) { a.fault, a.end = "", false }, true,
		},
		"something else than the object is an error": {
			func(a *fakeAPI) {
				a.fault, a.end = `{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"another"},"data":{"members.json":"{}"}}}`, true
			}, func(a *fakeAPI) { a.fault, a.end = "", false }, true,
		},
	} {
		t.Run(rule, func(t *testing.T) {
			api, log := newFakeAPI(t), &journal{}
			api.publish(content(1, "a"))
			source := api.source(t, "", log)
			applied := run(t, source)
			wantEpoch(t, applied, 1)
			var before int
			api.set(func() { c.cause(api); before = api.watches })
			until(t, "it is tried again, more than once", func() (ok bool) {
				api.get(func() { ok = api.watches > before+3 })
				return ok
			})
			api.publish(content(2, "a"))
			api.set(func() { c.mend(api) })
			wantEpoch(t, applied, 2)
			if n := source.Counters(); (n.APIFailures > 0) != c.failures || n.Invalid > 0 {
				t.Errorf("failures counted: %+v", n)
			}
		})
	}
}

func TestConfigMapOutageIsToldOnce(t *testing.T) {
	api, log := newFakeAPI(t), &journal{}
	api.set(func() { api.status = http.StatusServiceUnavailable })
	c := api.source(t, "", log)
	applied := run(t, c)
	until(t, "several failures", func() bool { return c.Counters().APIFailures > 5 })
	if c.Counters().APIConnected {
		t.Error("connected to an API that refuses")
	}
	api.publish(content(1, "a"))
	api.set(func() { api.status = http.StatusOK })
	wantEpoch(t, applied, 1)
	if away, again := log.count("is not watched"), log.count("watched again"); away != 1 || again != 1 {
		t.Errorf("told %d times that the API is away and %d times that it is back, want once each", away, again)
	}
	if !c.Counters().APIConnected {
		t.Error("not connected")
	}
}

func TestConfigMapStartsFromTheMountedCopy(t *testing.T) {
	api := newFakeAPI(t)
	api.set(func() { api.status = http.StatusServiceUnavailable })
	path := filepath.Join(t.TempDir(), config.MembersKey)
	write(t, path, content(1, "a"))
	c := api.source(t, path, &journal{})
	applied := run(t, c)
	wantEpoch(t, applied, 1) // without the API
	rename(t, path, content(2, "a"))
	wantEpoch(t, applied, 2)
	api.publish(content(5, "a"))
	api.set(func() { api.status = http.StatusOK })
	wantEpoch(t, applied, 5)
	rename(t, path, content(4, "a")) // the kubelet lags
	until(t, "the lagging copy is ignored", func() bool { return c.Counters().Older == 1 })
	rename(t, path, content(6, "a"))
	wantEpoch(t, applied, 6)
}

// TestSilentAPIIsNoticed cuts the connection without a word, as a dead node
// does: only asking tells.
func TestSilentAPIIsNoticed(t *testing.T) {
	api, log := newFakeAPI(t), &journal{}
	api.publish(content(1, "a"))
	cut := newCut(t, api.server.Listener.Addr().String())
	p := defaultPatience()
	p.pingAfter, p.pingWait = 20*time.Millisecond, 100*time.Millisecond
	c := NewConfigMap(api.client(t, "https://"+cut.listener.Addr().String(), p), "voice", "ring-members", "", nil, log.logger())
	c.backoff = backoff(time.Millisecond, 10*time.Millisecond)
	applied := run(t, c)
	wantEpoch(t, applied, 1)
	cut.silence()
	api.publish(content(2, "a"))
	wantEpoch(t, applied, 2) // through a new connection
}

// cut passes connections on until it is told to lose everything of those that
// stand; later ones pass.
type cut struct {
	listener net.Listener
	mu       sync.Mutex
	silent   chan struct{}
	conns    []net.Conn
}

func newCut(t *testing.T, target string) *cut {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cut{listener: l, silent: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			silent := c.silent
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			running.Go(func() { _, _ = io.Copy(lossy{in, silent}, out) })
			running.Go(func() { _, _ = io.Copy(lossy{out, silent}, in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		running.Wait()
	})
	return c
}

func (c *cut) silence() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.silent)
	c.silent = make(chan struct{})
}

type lossy struct {
	to     net.Conn
	silent chan struct{}
}

func (l lossy) Write(b []byte) (int, error) {
	select {
	case <-l.silent:
		return len(b), nil
	default:
		return l.to.Write(b)
	}
}
