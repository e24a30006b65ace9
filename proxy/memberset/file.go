package memberset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/sipring/sipring/proxy/config"
)

// pollInterval is how often the file is read without a notice: file systems
// without notices, watches lost with their directory, too many watches.
const pollInterval = 2 * time.Second

// File follows one file. It watches the directory, not the file: a mounted
// ConfigMap swaps a symbolic link beside it, and a careful writer renames a new
// file over the old one.
type File struct {
	path string
	poll time.Duration
	gate *gate
}

// NewFile follows the file at path, which need not exist yet. log may be nil.
func NewFile(path string, log *slog.Logger) *File {
	return &File{path: path, poll: pollInterval, gate: newGate(log)}
}

// Run implements Source.
func (f *File) Run(ctx context.Context, apply func(*config.MemberSet)) {
	f.gate.apply = apply
	f.follow(ctx)
}

// Counters implements Source.
func (f *File) Counters() Counters { return f.gate.snapshot() }

func (f *File) follow(ctx context.Context) {
	notices := newNotices(filepath.Dir(f.path))
	defer notices.close()
	poll := time.NewTicker(f.poll)
	defer poll.Stop()
	var last error
	for {
		notices.watch() // before the read: a change after it is noticed
		err := f.read()
		if err != nil && (last == nil || err.Error() != last.Error()) {
			f.fault(err)
		}
		last = err
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-notices.events():
		case err := <-notices.lost():
			f.gate.log.Debug("notices of file changes were lost", "error", err)
		}
	}
}

// fault tells of a file that cannot be read. One that is not there yet is no
// invalid content.
func (f *File) fault(err error) {
	f.gate.log.Warn("member set file unreadable", "error", err)
	if !errors.Is(err, fs.ErrNotExist) {
		f.gate.update(func(n *Counters) { n.Invalid++ })
	}
}

func (f *File) read() error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("read member set: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxContent+1))
	if err != nil {
		return fmt.Errorf("read member set: %w", err)
	}
	if len(content) > maxContent {
		return fmt.Errorf("read member set %s: more than %d bytes", f.path, maxContent)
	}
	f.gate.offer("file", content)
	return nil
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
