package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	maxFollowers = 16
	followPing   = 15 * time.Second
)

// followers streams events to a bounded number of clients. A slow client misses
// events, as the log of events is bounded, and never holds anything up.
type followers struct {
	backend Backend
	ctx     context.Context
	slots   chan struct{}
}

func (f *followers) serve(w http.ResponseWriter, r *http.Request, after uint64) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		text(w, http.StatusServiceUnavailable, "too many followers")
		return
	}
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
