package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/redact"
	"github.com/sipring/sipring/proxy/wire"
)

// Bounds of a trace.
const (
	DefaultTraceTime = 30 * time.Second
	MaxTraceTime     = 10 * time.Minute
	DefaultMessages  = 200
	MaxMessages      = 10_000

	traceRate  = 100 // messages a second that are taken, and at once
	traceQueue = 64  // that wait for the reader
	traceBytes = maxAnswer
	// tooMany is how many messages may be dropped for each that is asked for, before the trace ends.
	tooMany  = 10
	lastLine = 256
	// readerTime is how long one write may wait for the reader.
	readerTime = 5 * time.Second
)

// Recorder takes the messages of one trace from whoever handles them, who never waits. Safe for concurrent use.
type Recorder struct {
	most  int
	queue chan answers.Message

	mu      sync.Mutex
	taken   int
	dropped int
	credit  float64
	at      time.Time // when credit was right
	why     string    // it has ended
	ended   chan struct{}
}

func newRecorder(most int) *Recorder {
	return &Recorder{most: most, queue: make(chan answers.Message, traceQueue), credit: traceRate, at: time.Now(), ended: make(chan struct{})}
}

// Record takes a message that came or leaves, which is valid during the call, or drops it.
func (r *Recorder) Record(in bool, local, remote netip.AddrPort, m *wire.Message) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != "" {
		return
	}
	if !r.hasRoom(now) {
		r.drop()
		return
	}
	line := answers.Message{
		Time: now, Direction: "out", Local: local.String(), Remote: remote.String(),
		StartLine: string(redact.AppendStartLine(nil, m)), Message: string(redact.Append(nil, m)),
	}
	if in {
		line.Direction = "in"
	}
	r.queue <- line // has room: nobody else writes
	if r.taken++; r.taken == r.most {
		r.end(answers.EndCount)
	}
}

// hasRoom reports whether another message may be taken at now, by the rate and by how far the reader is behind.
func (r *Recorder) hasRoom(now time.Time) bool {
	if passed := now.Sub(r.at).Seconds(); passed > 0 {
		r.credit, r.at = min(r.credit+passed*traceRate, traceRate), now
	}
	if r.credit < 1 || len(r.queue) == cap(r.queue) {
		return false
	}
	r.credit--
	return true
}

func (r *Recorder) drop() {
	if r.dropped++; r.dropped >= tooMany*r.most {
		r.end(answers.EndRate)
	}
}

func (r *Recorder) end(why string) {
	if r.why == "" {
		r.why = why
		close(r.ended)
	}
}

// stop ends the trace, if nothing else has, and returns its last line.
func (r *Recorder) stop(why string) answers.End {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(why)
	return answers.End{End: r.why, Dropped: r.dropped}
}

// trace streams what concerns an AOR, a line each.
func (h *handler) trace(w http.ResponseWriter, req *http.Request) {
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		refuse(w, &Problem{http.StatusBadRequest, "the request cannot be read"})
		return
	}
	aor, err := aorOf(query)
	if err != nil {
		refuse(w, h.problem(err))
		return
	}
	length, most, err := traceBounds(query)
	if err != nil {
		refuse(w, h.problem(err))
		return
	}
	r := newRecorder(most)
	stop, err := h.backend.Trace(aor, r)
	if err != nil {
		refuse(w, h.problem(err))
		return
	}
	h.log.Info("trace begun over the control socket", "for", length.String(), "max", most)
	s := &stream{w: w, c: http.NewResponseController(w), left: traceBytes - lastLine}
	w.Header().Set("Content-Type", "application/x-ndjson")
	why := s.run(req.Context(), r, length)
	stop()
	end := r.stop(why)
	s.drain(r)
	s.left = lastLine
	_ = s.write(end)
	h.log.Info("trace ended", "end", end.End, "messages", s.written, "dropped", end.Dropped)
}

// stream is where a trace is written to.
type stream struct {
	w       http.ResponseWriter
	c       *http.ResponseController
	left    int // bytes
	written int
}

// run writes messages until the trace ends, and returns why.
func (s *stream) run(ctx context.Context, r *Recorder, length time.Duration) (why string) {
	over := time.NewTimer(length)
	defer over.Stop()
	if s.c.Flush() != nil { // the reader knows that it has begun
		return answers.EndStop
	}
	for {
		select {
		case m := <-r.queue:
			if why := s.message(m); why != "" {
				return why
			}
		case <-over.C:
			return answers.EndTime
		case <-r.ended:
			return "" // r knows
		case <-ctx.Done(): // or the reader has gone
			return answers.EndStop
		}
	}
}

// drain writes what was taken before the end.
func (s *stream) drain(r *Recorder) {
	for {
		select {
		case m := <-r.queue:
			if s.message(m) != "" {
				return
			}
		default:
			return
		}
	}
}

// message writes one, and returns why that is the end, if it is.
func (s *stream) message(m answers.Message) (why string) {
	switch err := s.write(m); {
	case errors.Is(err, errLength):
		return answers.EndBytes
	case err != nil:
		return answers.EndStop
	}
	s.written++
	return ""
}

var errLength = errors.New("the answer has its length")

func (s *stream) write(v any) error {
	b, err := Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > s.left {
		return errLength
	}
	s.left -= len(b)
	_ = s.c.SetWriteDeadline(time.Now().Add(readerTime))
	if _, err := s.w.Write(b); err != nil { //nolint:gosec // JSON, and no browser gets at the socket
		return err
	}
	return s.c.Flush()
}

func traceBounds(query url.Values) (length time.Duration, most int, err error) {
	length, most = DefaultTraceTime, DefaultMessages
	if text := query.Get("for"); text != "" {
		if length, err = time.ParseDuration(text); err != nil || length < time.Second || length > MaxTraceTime {
			return 0, 0, &Problem{http.StatusBadRequest, fmt.Sprintf("a trace lasts 1s to %s", MaxTraceTime)}
		}
	}
	if text := query.Get("max"); text != "" {
		if most, err = strconv.Atoi(text); err != nil || most < 1 || most > MaxMessages {
			return 0, 0, &Problem{http.StatusBadRequest, fmt.Sprintf("a trace has 1 to %d messages", MaxMessages)}
		}
	}
	return length, most, nil
}
