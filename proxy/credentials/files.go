package credentials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// badLogged bounds the bad lines of one path that are logged each time it is read, and the bad answers of a source that are
// at once.
const badLogged = 10

// files is the Store of what is in files. Everything is in memory; it never says Ask.
type files struct {
	tables  atomic.Pointer[[]*table]
	paths   []*path
	log     *slog.Logger
	counts  *fileCounts
	lookups *lookups
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

// path is a file or a directory that is followed.
type path struct {
	name  string
	state string // of what was read last; empty: to be read
	fault string // why it could not be; empty: it could
	table *table // what was read last without a fault; nil: nothing yet
}

func openFiles(names []string, log *slog.Logger, m *Metrics) *files {
	f := &files{log: log, counts: &m.files, lookups: m.lookups(sourceFiles)}
	for _, name := range names {
		f.paths = append(f.paths, &path{name: name})
	}
	f.read()
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.ended.Go(func() { f.follow(ctx) })
	return f
}

// Look implements Store.
func (f *files) Look(_ int64, q *Query, c *Credential) Answer {
	*c = Credential{}
	answer := Unknown
	var buffer keyBuffer
	if key, ok := appendKey(buffer[:0], q.Username, q.Realm); ok {
		for _, t := range *f.tables.Load() {
			if t.look(key, c) {
				answer = Found
			}
		}
	}
	f.lookups.count(answer, false)
	return answer
}

// Ask implements Store: there is nobody to ask.
func (f *files) Ask(_ *Query, done func()) { done() }

// Close implements Store.
func (f *files) Close() error {
	f.stop()
	f.ended.Wait()
	return nil
}

// read reads the paths that have changed.
func (f *files) read() {
	changed, down := f.tables.Load() == nil, 0.0
	for _, p := range f.paths {
		if f.readPath(p) {
			changed = true
		}
		if p.fault != "" {
			down = 1
		}
	}
	f.counts.down.Set(down)
	if !changed {
		return
	}
	var all []*table
	users := 0
	for _, p := range f.paths {
		if p.table != nil {
			all = append(all, p.table)
			users += len(p.table.users)
		}
	}
	f.counts.users.Set(float64(users))
	f.tables.Store(&all)
}

// readPath reads a path if it has changed, and reports whether there is a new table. One that cannot be read keeps what it
// had; that is counted and logged once for each reason.
func (f *files) readPath(p *path) (changed bool) {
	t, state, err := f.load(p)
	p.state = state
	switch {
	case err != nil && err.Error() != p.fault:
		p.fault = err.Error()
		f.counts.failures.Inc()
		f.log.Warn("credentials unreadable: what was read before stays in force", "path", p.name, "error", err)
	case err == nil && t != nil:
		p.fault, p.table = "", t
		f.log.Info("credentials read", "path", p.name, "users", len(t.users), "badLines", t.bad)
	}
	return err == nil && t != nil
}

// load returns the table of a path, or nil if it is as it was, and its state: empty if it is to be read again.
func (f *files) load(p *path) (t *table, now string, err error) {
	all, err := members(p.name)
	if err != nil {
		return nil, "", err
	}
	if len(all) == 0 {
		return nil, "", errors.New("no files in it") // so looks a mounted Secret that was deleted
	}
	if now = state(all); now == p.state {
		return nil, now, nil
	}
	if err := f.fits(p, all); err != nil {
		return nil, "", err
	}
	b := newBuilder(f.bad(p.name))
	for _, m := range all {
		content, err := readFile(m.name, m.info.Size())
		if err != nil {
			return nil, "", err
		}
		b.file(m.name, content)
	}
	if b.bad > badLogged {
		f.log.Warn("further credential lines refused", "path", p.name, "lines", b.bad-badLogged)
	}
	switch {
	case b.bytes == 0:
		return nil, now, errors.New("empty") // as while it is being written
	case b.bad > 0 && len(b.users) == 0:
		return nil, now, fmt.Errorf("all of its %d lines are bad", b.bad)
	}
	return b.table(), now, nil
}

// fits reports an error if the files of a path are too large, in itself or beside the others.
func (f *files) fits(p *path, all []member) error {
	size := int64(0)
	for _, m := range all {
		size += m.info.Size()
	}
	if one := len(all) == 1 && all[0].name == p.name; !one && size > maxSecret {
		return fmt.Errorf("its files have %d bytes, more than %d", size, maxSecret)
	}
	if left := f.left(p); size > left {
		return fmt.Errorf("its files have %d bytes, and beside the others there is room for %d", size, left)
	}
	return nil
}

// left is how many bytes a path may have beside the others.
func (f *files) left(p *path) int64 {
	left := int64(maxTotal)
	for _, other := range f.paths {
		if other != p && other.table != nil {
			left -= other.table.bytes
		}
	}
	return left
}

// bad counts and logs lines that are refused.
func (f *files) bad(path string) func(string, int, error) {
	logged := 0
	return func(file string, line int, err error) {
		f.counts.refused.Inc()
		if logged++; logged <= badLogged {
			f.log.Warn("credential line refused", "path", path, "file", file, "line", line, "error", err)
		}
	}
}
