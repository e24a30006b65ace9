package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	livepage "github.com/sipring/sipring/page"
)

// probes answers whether the process lives and is ready, and takes nothing that
// may hang for it.
func probes(b Backend) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", probe(b.Live))
	mux.HandleFunc("GET /readyz", probe(b.Ready))
	return mux
}

func handler(ctx context.Context, c *Config) http.Handler {
	mux := probes(c.Backend)
	mux.HandleFunc("GET /metrics", kept("/metrics", promhttp.HandlerFor(c.Gatherer, promhttp.HandlerOpts{DisableCompression: true})))
	mux.HandleFunc("GET /v1/status", kept("/v1/status", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, c.Backend.Status())
	})))
	recent := &page[[]written]{make: func() []written { return write(c.Backend) }}
	f := &followers{backend: c.Backend, ctx: ctx, ofSource: map[uint64]int{}}
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		after, err := position(r)
		switch {
		case err != nil:
			text(w, http.StatusBadRequest, "after is not a number")
		case r.URL.Query().Get("follow") != "":
			f.serve(w, r, after)
		default:
			events, ok := recent.get(r.Context())
			if !ok {
				text(w, http.StatusServiceUnavailable, "not in time")
				return
			}
			writeEvents(w, events, after)
		}
	})
	livepage.Handle(mux)
	if c.Profiling {
		profiling(mux)
	}
	return mux
}

func probe(state func() (ok bool, reason string)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if ok, reason := state(); !ok {
			text(w, http.StatusServiceUnavailable, reason)
			return
		}
		text(w, http.StatusOK, "ok")
	}
}

// position is the sequence number to go on after: of a reconnecting
// EventSource, or from the query.
func position(r *http.Request) (uint64, error) {
	v := r.Header.Get("Last-Event-ID")
	if v == "" {
		v = r.URL.Query().Get("after")
	}
	if v == "" {
		return 0, nil
	}
	return strconv.ParseUint(v, 10, 64)
}

// profiling serves one profile at a time.
func profiling(mux *http.ServeMux) {
	turn := make(chan struct{}, 1)
	one := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			select {
			case turn <- struct{}{}:
				defer func() { <-turn }()
			default:
				text(w, http.StatusServiceUnavailable, "another profile is being taken")
				return
			}
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * time.Minute))
			h(w, r)
		}
	}
	mux.HandleFunc("GET /debug/pprof/", one(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/cmdline", one(pprof.Cmdline))
	mux.HandleFunc("GET /debug/pprof/profile", one(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/symbol", one(pprof.Symbol))
	mux.HandleFunc("GET /debug/pprof/trace", one(pprof.Trace))
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(s + "\n"))
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		text(w, http.StatusInternalServerError, "cannot be written as JSON")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n'))
}

// written is an event as JSON, as it stands in an array.
type written struct {
	seq  uint64
	json []byte
}

func write(b Backend) []written {
	events, _ := b.Events(0)
	out := make([]written, 0, len(events))
	for _, e := range events {
		if text, err := json.MarshalIndent(e.Value, "  ", "  "); err == nil {
			out = append(out, written{e.Seq, text})
		}
	}
	return out
}

// writeEvents writes those after the sequence number.
func writeEvents(w http.ResponseWriter, events []written, after uint64) {
	i := 0
	for i < len(events) && events[i].seq <= after {
		i++
	}
	b, before, end := []byte{'['}, "\n  ", ""
	for _, e := range events[i:] {
		b = append(append(b, before...), e.json...)
		before, end = ",\n  ", "\n"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(append(b, end...), "]\n"...))
}
