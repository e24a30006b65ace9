package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/limit"
)

const (
	// maxFollowers is how many follow in all, followersOfOne of one source.
	maxFollowers   = 64
	followersOfOne = 16
	followPing     = 15 * time.Second
)

// followers streams events to a bounded number of clients. A slow client misses
// events, as the log of events is bounded, and never holds anything up.
type followers struct {
	backend Backend
	ctx     context.Context

	mu       sync.Mutex
	all      int
	ofSource map[uint64]int
}

// begin takes a place for a follower, if there is one.
func (f *followers) begin(source uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= maxFollowers || f.ofSource[source] >= followersOfOne {
		return false
	}
	f.all++
	f.ofSource[source]++
	return true
}

func (f *followers) end(source uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.ofSource[source]--; f.ofSource[source] == 0 {
		delete(f.ofSource, source)
	}
}

// sourceOf is the client's address, the unspecified one where that is none.
func sourceOf(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv6Unspecified()
	}
	return a.Addr()
}

func (f *followers) serve(w http.ResponseWriter, r *http.Request, after uint64) {
	source := limit.Source(sourceOf(r))
	if !f.begin(source) {
		text(w, http.StatusServiceUnavailable, "too many followers")
		return
	}
	defer f.end(source)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	ping := time.NewTicker(followPing)
	defer ping.Stop()
	if !send(w, rc, ": hello\n\n") {
		return
	}
	for {
		events, changed := f.backend.Events(after)
		for _, e := range events {
			b, err := json.Marshal(e.Value)
			if err != nil || !send(w, rc, fmt.Sprintf("id: %d\ndata: %s\n\n", e.Seq, b)) {
				return
			}
			after = e.Seq
		}
		select {
		case <-changed:
		case <-ping.C:
			if !send(w, rc, ": ping\n\n") {
				return
			}
		case <-r.Context().Done():
			return
		case <-f.ctx.Done():
			return
		}
	}
}

func send(w http.ResponseWriter, rc *http.ResponseController, s string) bool {
	_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := w.Write([]byte(s))
	return err == nil && rc.Flush() == nil
}
