package demo

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/peer"
)

// entry is one line of the timeline, for the page an event: that of a proxy, with
// where it comes from and its text in words.
type entry struct {
	peer.Event
	Source string `json:"source"` // who saw it: a proxy, phones, operator, kubelet
	Text   string `json:"text"`
}

// eventKilled is the kind of the entry of the kill.
const eventKilled peer.EventKind = "killed"

// timeline is what happened, for the terminal and for the page. Safe for
// concurrent use.
type timeline struct {
	out io.Writer

	mu      sync.Mutex
	began   time.Time
	killed  time.Time
	entries []entry
	board   []fact
	changed chan struct{}
}

func newTimeline(out io.Writer) *timeline {
	return &timeline{out: out, began: time.Now(), changed: make(chan struct{})}
}

// add notes what happened at that time and prints it.
func (t *timeline) add(at time.Time, source, format string, args ...any) {
	t.saw(at, source, peer.Event{Kind: "note"}, format, args...)
}

// saw notes an event that has more to it than its words.
func (t *timeline) saw(at time.Time, source string, event peer.Event, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := entry{Event: event, Source: source, Text: fmt.Sprintf(format, args...)}
	e.Seq, e.UnixNano = uint64(len(t.entries)+1), at.UnixNano()
	clock := fmt.Sprintf("%8.3f s         ", at.Sub(t.began).Seconds())
	if !t.killed.IsZero() && !at.Before(t.killed) {
		clock = fmt.Sprintf("kill %+9.1f ms  ", float64(at.Sub(t.killed).Microseconds())/1000)
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

// since returns the entries after number n and a channel closed at the next.
func (t *timeline) since(n uint64) ([]entry, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]entry(nil), t.entries[min(n, uint64(len(t.entries))):]...), t.changed
}

// fact puts a figure to the top of the page, in place of what it was before.
func (t *timeline) fact(f fact) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.board, func(other fact) bool { return other.Name == f.Name })
	if i < 0 {
		i = len(t.board)
		t.board = append(t.board, f)
	}
	t.board[i] = f
}

// facts are the figures as of now.
func (t *timeline) facts() []fact {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.board)
}
