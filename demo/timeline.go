package demo

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// entry is one line of the timeline.
type entry struct {
	At     time.Time `json:"at"`
	Source string    `json:"source"` // who saw it: a proxy, phones, operator, kubelet
	Text   string    `json:"text"`
	// SinceKill in milliseconds; absent before the kill.
	SinceKill *float64 `json:"sinceKill,omitempty"`
}

// timeline is what happened, for the terminal and for the page. Safe for
// concurrent use.
type timeline struct {
	out io.Writer

	mu      sync.Mutex
	began   time.Time
	killed  time.Time
	entries []entry
	changed chan struct{}
}

func newTimeline(out io.Writer) *timeline {
	return &timeline{out: out, began: time.Now(), changed: make(chan struct{})}
}

// add notes what happened at that time and prints it.
func (t *timeline) add(at time.Time, source, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := entry{At: at, Source: source, Text: fmt.Sprintf(format, args...)}
	clock := fmt.Sprintf("%8.3f s         ", at.Sub(t.began).Seconds())
	if !t.killed.IsZero() && !at.Before(t.killed) {
		ms := float64(at.Sub(t.killed).Microseconds()) / 1000
		e.SinceKill = &ms
		clock = fmt.Sprintf("kill %+9.1f ms  ", ms)
	}
	t.entries = append(t.entries, e)
	fmt.Fprintf(t.out, "%s %-10s %s\n", clock, source, e.Text)
	close(t.changed)
	t.changed = make(chan struct{})
}

// markKill makes the time the origin of what follows.
func (t *timeline) markKill(at time.Time) {
	t.mu.Lock()
	t.killed = at
	t.mu.Unlock()
}

// since returns the entries from index n on and a channel closed at the next.
func (t *timeline) since(n int) ([]entry, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]entry(nil), t.entries[min(n, len(t.entries)):]...), t.changed
}
