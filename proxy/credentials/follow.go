package credentials

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// pollInterval is how often paths are looked at without a notice.
	pollInterval = time.Second
	// settleTime is waited for after a notice: they come in bursts.
	settleTime = 20 * time.Millisecond
)

// follow reads what changes until ctx ends. It watches directories, not files: a mounted Secret swaps a symbolic link
// beside its keys, and a careful writer renames a new file over the old one. What the system gives no notice of is seen by
// the poll, which costs a stat for each file.
func (f *files) follow(ctx context.Context) {
	events, lost := make(<-chan fsnotify.Event), make(<-chan error)
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		defer func() { _ = watcher.Close() }()
		events, lost = watcher.Events, watcher.Errors
	}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if watcher != nil {
			f.watch(watcher)
		}
		f.read()
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
func (f *files) watch(w *fsnotify.Watcher) {
	for _, p := range f.paths {
		dir := p.name
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			dir = filepath.Dir(dir)
		}
		_ = w.Add(dir) // tried again at the next poll
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
