package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
)

// seePage reads the page and its events, of a demo whose phones are all
// registered and of which nothing was killed.
func seePage(ctx context.Context, t *testing.T, d *demo) {
	t.Helper()
	html, err := io.ReadAll(fetch(ctx, t, d, "/"))
	if err != nil || !strings.Contains(string(html), `new EventSource("events")`) {
		t.Errorf("the page does not follow the events: %v\n%s", err, html)
	}
	events := bufio.NewReader(fetch(ctx, t, d, "/events"))
	v := nextEvent(t, events)
	if v.From != 0 || len(v.Entries) == 0 {
		t.Errorf("the first event has %d entries from %d, want all from 0", len(v.Entries), v.From)
	}
	// A view is made of what proxies say one after the other: on a busy machine
	// they may disagree for a moment.
	for unsettled(&v, d) != "" {
		if ctx.Err() != nil {
			t.Fatalf("the page never shows the ring whole: %s", unsettled(&v, d))
		}
		from := v.From + len(v.Entries)
		if v = nextEvent(t, events); v.From != from {
			t.Errorf("entries from %d on, want from %d", v.From, from)
		}
	}
}

// unsettled says what is not as it is in a whole ring that nobody disturbs.
func unsettled(v *view, d *demo) string {
	if want := d.cluster.operator.Current().Epoch; v.Epoch != want || len(v.Members) != len(d.cluster.processes) {
		return fmt.Sprintf("epoch %d with %d members, want epoch %d and %d", v.Epoch, len(v.Members), want, len(d.cluster.processes))
	}
	var share float64
	var home, replica int
	for i, m := range v.Members {
		p := d.cluster.processes[i]
		if m.Name != p.Name || m.Address != p.Address.String() || m.State != string(config.Active) || !m.Running || !m.InRing || m.Restarts != 0 {
			return fmt.Sprintf("member %d: %+v", i, m)
		}
		share += m.Share
		home += m.Home
		replica += m.Replica
	}
	// More replicas there may be: what came to a member while the ring still
	// grew stays there for a while.
	if n := len(d.load.Phones); math.Abs(share-1) > 1e-6 || home != n || replica < n {
		return fmt.Sprintf("shares sum up to %f, %d bindings at home, %d replicas; want 1, and %d each or more replicas", share, home, replica, n)
	}
	return ""
}

func fetch(ctx context.Context, t *testing.T, d *demo, path string) io.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.page.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	// As the proxies are asked: no connection outlives its answer.
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
	return res.Body
}

// nextEvent reads one server-sent event.
func nextEvent(t *testing.T, r *bufio.Reader) view {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	data, ok := strings.CutPrefix(line, "data: ")
	if !ok {
		t.Fatalf("%q is no event", line)
	}
	if empty, err := r.ReadString('\n'); err != nil || empty != "\n" {
		t.Fatalf("the event ends with %q, %v", empty, err)
	}
	var v view
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return v
}

// servePage serves the page of one proxy that is but an answer; asked counts
// how often it was given.
func servePage(t *testing.T) (d *demo, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(proxy.Close)
	p, err := listenPage(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	d = &demo{page: p, line: newTimeline(io.Discard), cluster: &cluster{operator: &fleet.Operator{}, processes: []*fleet.Process{{Name: "proxy-0", Admin: proxy.URL}}}}
	p.serve(d.cluster, d.line)
	return d, asked
}

func TestReadersShareAView(t *testing.T) {
	d, asked := servePage(t)
	began := time.Now()
	var readers []*bufio.Reader
	for range 20 {
		readers = append(readers, bufio.NewReader(fetch(t.Context(), t, d, "/events")))
	}
	for range 3 {
		for _, r := range readers {
			nextEvent(t, r)
		}
	}
	if n, most := asked.Load(), int64(time.Since(began)/viewInterval)+1; n > most {
		t.Errorf("the proxy was asked %d times, want at most %d", n, most)
	}
}

func TestLastEntriesReachTheReader(t *testing.T) {
	d, _ := servePage(t)
	r := bufio.NewReader(fetch(t.Context(), t, d, "/events"))
	nextEvent(t, r)
	d.line.add(time.Now(), "demo", "the end")
	d.page.close()
	rest, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(rest), "the end") {
		t.Errorf("got %q, %v, want the last entry and then the end", rest, err)
	}
}

func TestURLIsOneForABrowser(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80/", "[::]:8080": "http://localhost:8080/", "0.0.0.0:80": "http://localhost:80/", "[::1]:80": "http://[::1]:80/",
	} {
		if got := (&page{address: address}).url(); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
