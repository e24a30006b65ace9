package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	livepage "github.com/sipring/sipring/page"
)

// page serves the live page of package page. What it shows is what all proxies say
// together, and the timeline.
type page struct {
	address  string
	listener net.Listener
	server   *http.Server
	stop     context.CancelFunc // of all streams

	mu   sync.Mutex
	seen time.Time
	last view // as of seen, for all readers
}

// viewInterval is how often the proxies are asked at most.
const viewInterval = 200 * time.Millisecond

// listenPage takes the address. Who connects before serve waits.
func listenPage(ctx context.Context, address string) (*page, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("live page, --page %s: %w", address, err)
	}
	return &page{address: l.Addr().String(), listener: l, stop: func() {}}, nil
}

// url is what a browser on this machine may be given.
func (p *page) url() string {
	at := netip.MustParseAddrPort(p.address)
	if at.Addr().IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d/", at.Port())
	}
	return "http://" + p.address + "/"
}

// serve answers until close.
func (p *page) serve(c *cluster, line *timeline) {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	mux := http.NewServeMux()
	livepage.Handle(mux)
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		v := p.view(ctx, c)
		v.Facts = line.facts()
		writeJSON(w, v)
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64) // none is from the first on
		if r.URL.Query().Get("follow") != "" {
			stream(ctx, w, r, line, after)
			return
		}
		entries, _ := line.since(after)
		writeJSON(w, entries)
	})
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.server.Serve(p.listener) }()
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a reader that is gone
}

// closeLimit is how long a reader may take to get the end of the timeline.
const closeLimit = 500 * time.Millisecond

// close sends every reader what it has not seen, and frees the address.
func (p *page) close() {
	p.stop()
	if p.server == nil {
		_ = p.listener.Close()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
}

// stream sends the entries after that number as they come, until the reader
// leaves; when the page is closed, what there is.
func stream(ctx context.Context, w http.ResponseWriter, r *http.Request, line *timeline, after uint64) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	if flush.Flush() != nil {
		return
	}
	for {
		ended := ctx.Err() != nil
		entries, changed := line.since(after)
		for _, e := range entries {
			b, err := json.Marshal(e)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.Seq, b); err != nil {
				return
			}
			after = e.Seq
		}
		if flush.Flush() != nil || ended {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-ctx.Done():
		}
	}
}

// view is at most an interval old: the proxies are asked once for all readers.
func (p *page) view(ctx context.Context, c *cluster) view {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.seen) >= viewInterval && ctx.Err() == nil {
		p.last, p.seen = c.view(ctx), time.Now()
	}
	return p.last
}
