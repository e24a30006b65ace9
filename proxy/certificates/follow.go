package certificates

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollInterval is how often files are read without a notice.
	pollInterval = time.Second
	// settleTime is waited for after a notice: they come in bursts.
	settleTime = 20 * time.Millisecond
)

// follow reads what changes until ctx ends. It watches directories, not files: a mounted
// Secret swaps a symbolic link beside them, and a careful writer renames a new file over
// the old one. What the system gives no notice of is seen by the poll.
func (s *Store) follow(ctx context.Context, every time.Duration) {
	events, lost := make(<-chan fsnotify.Event), make(<-chan error)
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		defer func() { _ = watcher.Close() }()
		events, lost = watcher.Events, watcher.Errors
	}
	poll := time.NewTicker(every)
	defer poll.Stop()
	for {
		if watcher != nil {
			s.watch(watcher)
		}
		s.read(false)
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-events:
			settle(ctx, events)
		case <-lost: //nolint:errcheck // the next read tells what is there
		}
	}
}

// watch watches the directories that are there. One that is watched already stays so.
func (s *Store) watch(w *fsnotify.Watcher) {
	for _, l := range s.listeners {
		for _, src := range l.sources() {
			_ = w.Add(src.directory) // tried again at the next poll
		}
	}
}

// settle takes further notices for a moment.
func settle(ctx context.Context, events <-chan fsnotify.Event) {
	over := time.NewTimer(settleTime)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			return
		case <-events:
		}
	}
}
