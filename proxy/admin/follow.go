package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	maxFollowers   = 16
	followInterval = 20 * time.Millisecond
	followPing     = 15 * time.Second
)

// followers streams events to a bounded number of clients. It polls, as the log
// of events is bounded and read without waiting: a slow client misses events
// and never holds anything up.
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
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	ping := time.NewTicker(followPing)
	defer ping.Stop()
	if !send(w, rc, ": hello\n\n") {
		return
	}
	for {
		for _, e := range f.backend.Events(after) {
			b, err := json.Marshal(e)
			if err != nil || !send(w, rc, fmt.Sprintf("id: %d\ndata: %s\n\n", e.Seq, b)) {
				return
			}
			after = e.Seq
		}
		select {
		case <-tick.C:
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
