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
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/server"
)

// seePage reads the page, its status and its events, of a demo whose phones are all
// registered and of which nothing was killed.
func seePage(ctx context.Context, t *testing.T, d *demo) {
	t.Helper()
	html, err := io.ReadAll(fetch(ctx, t, d, "/"))
	if err != nil || !strings.Contains(string(html), `src="page/page.js"`) {
		t.Errorf("the page has no script: %v\n%s", err, html)
	}
	events := bufio.NewReader(fetch(ctx, t, d, "/v1/events?follow=1"))
	for want := uint64(1); want < 4; want++ {
		if e := nextEvent(t, events); e.Seq != want || e.Text == "" || e.Source == "" {
			t.Errorf("event %d: %+v", want, e)
		}
	}
	var rest []entry
	if read(ctx, t, d, "/v1/events?after=2", &rest); len(rest) == 0 || rest[0].Seq != 3 {
		t.Errorf("the events after 2: %+v", rest)
	}
	// A view is made of what proxies say one after the other: on a busy machine
	// they may disagree for a moment.
	var v view
	for read(ctx, t, d, "/v1/status", &v); unsettled(&v, d) != ""; read(ctx, t, d, "/v1/status", &v) {
		if ctx.Err() != nil {
			t.Fatalf("the page never shows the ring whole: %s", unsettled(&v, d))
		}
	}
	want := []fact{{Name: "phones registered", Value: "12"}, {Name: "calls set up", Value: "4"}}
	if diff := cmp.Diff(want, v.Facts); diff != "" {
		t.Errorf("what is shown of phones: %s", diff)
	}
	// Each phone registered once, and nobody else did.
	if v.Traffic.Registrations != 12 || v.Traffic.Calls != 4 || v.Traffic.Answered != 4 {
		t.Errorf("traffic %+v", v.Traffic)
	}
}

// read decodes a JSON answer.
func read(ctx context.Context, t *testing.T, d *demo, path string, into any) {
	t.Helper()
	if err := json.NewDecoder(fetch(ctx, t, d, path)).Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
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
		if m.Name != p.Name || m.Address != p.Address.String() || m.State != string(config.Active) || m.Liveness != "up" || !m.Running || !m.InRing || m.Restarts != 0 {
			return fmt.Sprintf("member %d: %+v", i, m)
		}
		share += m.Share
		home += m.Bindings.Home
		replica += m.Bindings.Replica
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
func nextEvent(t *testing.T, r *bufio.Reader) entry {
	t.Helper()
	var lines [3]string
	for i := range lines {
		var err error
		if lines[i], err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	data, ok := strings.CutPrefix(lines[1], "data: ")
	if !ok || lines[2] != "\n" {
		t.Fatalf("%q is no event", lines)
	}
	var e entry
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	if lines[0] != fmt.Sprintf("id: %d\n", e.Seq) {
		t.Errorf("%q is of event %d", lines[0], e.Seq)
	}
	return e
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
	var reading sync.WaitGroup
	for range 20 {
		reading.Go(func() {
			for range 3 {
				d.page.view(t.Context(), d.cluster)
			}
		})
	}
	reading.Wait()
	if n, most := asked.Load(), int64(time.Since(began)/viewInterval)+1; n < 1 || n > most {
		t.Errorf("the proxy was asked %d times, want 1 to %d", n, most)
	}
}

func TestLastEntriesReachTheReader(t *testing.T) {
	d, _ := servePage(t)
	d.line.add(time.Now(), "demo", "the beginning")
	r := bufio.NewReader(fetch(t.Context(), t, d, "/v1/events?follow=1"))
	nextEvent(t, r)
	d.line.add(time.Now(), "demo", "the end")
	d.page.close()
	rest, err := io.ReadAll(r)
	if err != nil || !strings.Contains(string(rest), "the end") {
		t.Errorf("got %q, %v, want the last entry and then the end", rest, err)
	}
}

// TestTrafficOfAll goes on when a process is started again, and does not go back.
func TestTrafficOfAll(t *testing.T) {
	var all traffic
	for i, c := range []struct {
		name      string
		now, want uint64
	}{{"a", 5, 5}, {"b", 7, 12}, {"a", 6, 13}, {"a", 2, 15}, {"a", 2, 15}, {"b", 8, 16}} {
		all.took(c.name, server.Traffic{Requests: c.now, Registrations: c.now, Calls: c.now, Answered: c.now})
		got := all.sum()
		got.UnixNano = 0
		if want := (server.Traffic{Requests: c.want, Registrations: c.want, Calls: c.want, Answered: c.want}); got != want {
			t.Errorf("step %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestFactsAreReplacedByName(t *testing.T) {
	l := newTimeline(io.Discard)
	for _, f := range []fact{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3", Bad: true}} {
		l.fact(f)
	}
	if diff := cmp.Diff([]fact{{Name: "a", Value: "3", Bad: true}, {Name: "b", Value: "2"}}, l.facts()); diff != "" {
		t.Error(diff)
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
