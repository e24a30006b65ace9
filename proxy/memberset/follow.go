package memberset

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pollInterval is how often the file is read without a notice: file systems
// without notices, watches lost with their directory, too many watches.
const pollInterval = 2 * time.Second

// Follow calls take with the content of the file at path, at most 2 MiB, when it
// begins and whenever that has changed, and with the error when it becomes one
// that the file cannot be read, until ctx ends. The file need not exist yet. Calls
// come one at a time; the content is take's to keep.
//
// It watches the directory, not the file: a mounted ConfigMap swaps a symbolic
// link beside it, and a careful writer renames a new file over the old one.
func Follow(ctx context.Context, path string, take func(content []byte, err error)) {
	FollowBy(ctx, path, read, take)
}

// FollowBy is Follow with a read of its own, which may refuse the file.
func FollowBy(ctx context.Context, path string, read func(path string) ([]byte, error), take func(content []byte, err error)) {
	follow(ctx, path, pollInterval, read, take)
}

func follow(ctx context.Context, path string, every time.Duration, read func(string) ([]byte, error), take func([]byte, error)) {
	notices := newNotices(filepath.Dir(path))
	defer notices.close()
	poll := time.NewTicker(every)
	defer poll.Stop()
	var last []byte
	var fault string
	for {
		notices.watch() // before the read: a change after it is noticed
		switch content, err := read(path); {
		case err != nil && err.Error() != fault:
			fault = err.Error()
			take(nil, err)
		case err == nil && (last == nil || fault != "" || !bytes.Equal(content, last)):
			last, fault = content, ""
			take(content, nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-notices.events():
		case <-notices.lost(): //nolint:errcheck // the next read tells what is there
		}
	}
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxContent+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxContent {
		return nil, fmt.Errorf("read %s: more than %d bytes", path, maxContent)
	}
	return content, nil
}

// notices of changes in a directory, as far as the system gives them.
type notices struct {
	directory string
	watcher   *fsnotify.Watcher // nil: none to be had
}

func newNotices(directory string) *notices {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		w = nil // the poll is left
	}
	return &notices{directory: directory, watcher: w}
}

// watch starts the watch, or starts it again after its directory went away.
func (n *notices) watch() {
	if n.watcher != nil && len(n.watcher.WatchList()) == 0 {
		_ = n.watcher.Add(n.directory) // tried again at the next poll
	}
}

// events tells that something changed; nil, which never does, without a watch.
func (n *notices) events() <-chan fsnotify.Event {
	if n.watcher == nil {
		return nil
	}
	return n.watcher.Events
}

// lost tells that there were more events than the system kept. It must be read,
// or the events stop.
func (n *notices) lost() <-chan error {
	if n.watcher == nil {
		return nil
	}
	return n.watcher.Errors
}

func (n *notices) close() {
	if n.watcher != nil {
		_ = n.watcher.Close()
	}
}
