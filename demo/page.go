package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

//go:embed page.html
var pageHTML []byte

// page serves the live view: ring, members and the timeline as server-sent
// events.
type page struct {
	address  string
	listener net.Listener
	server   *http.Server
	stop     context.CancelFunc // of all streams

	mu   sync.Mutex
	seen time.Time
	last view // as of seen, for all readers
}

// view is what the page draws, sent as one event.
type view struct {
	Epoch   uint64       `json:"epoch"`
	Members []memberView `json:"members"`
	Entries []entry      `json:"entries,omitempty"`
	From    int          `json:"from"`
}

type memberView struct {
	Name     string  `json:"name"`
	Address  string  `json:"address"`
	State    string  `json:"state"`
	Running  bool    `json:"running"`
	Restarts int     `json:"restarts"`
	InRing   bool    `json:"inRing"`
	Share    float64 `json:"share"`
	Home     int     `json:"home"`
	Replica  int     `json:"replica"`
}

// viewInterval is how often the page is brought up to date.
const viewInterval = 250 * time.Millisecond

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
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pageHTML)
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { p.stream(ctx, w, r, c, line) })
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.server.Serve(p.listener) }()
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

// stream sends a view now and then every interval, until the reader leaves;
// when the page is closed, one more.
func (p *page) stream(ctx context.Context, w http.ResponseWriter, r *http.Request, c *cluster, line *timeline) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w)
	t := time.NewTicker(viewInterval)
	defer t.Stop()
	sent := 0
	for {
		ended := ctx.Err() != nil
		v := p.view(ctx, c)
		v.From = sent
		v.Entries, _ = line.since(sent)
		sent += len(v.Entries)
		b, err := json.Marshal(v)
		if err != nil {
			return
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", b); err != nil || flush.Flush() != nil || ended {
			return
		}
		select {
		case <-t.C:
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

// view asks every proxy for its part; in the ring is what another proxy that
// lives says of it.
func (c *cluster) view(ctx context.Context) view {
	v := view{}
	states := map[string]config.MemberState{}
	if set := c.operator.Current(); set != nil {
		v.Epoch = set.Epoch
		for _, m := range set.Members {
			states[m.Name] = m.State
		}
	}
	index := map[string]int{}
	for _, p := range c.processes {
		alive, restarts := p.Running()
		index[p.Name] = len(v.Members)
		v.Members = append(v.Members, memberView{
			Name: p.Name, Address: p.Address.String(), State: string(states[p.Name]), Running: alive, Restarts: restarts,
		})
	}
	for _, p := range c.processes {
		alive, _ := p.Running()
		if !alive {
			continue
		}
		s, err := p.Status(ctx)
		if err != nil {
			continue
		}
		self := &v.Members[index[p.Name]]
		self.Home, self.Replica = s.Bindings.Home, s.Bindings.Replica
		for _, m := range s.Members {
			if i, ok := index[m.Name]; ok && m.InRing && v.Members[i].Running {
				v.Members[i].InRing, v.Members[i].Share = true, m.Share
			}
		}
	}
	return v
}
