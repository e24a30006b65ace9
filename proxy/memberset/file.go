package memberset

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// File follows the member set in one file, as Follow does.
type File struct {
	path string
	poll time.Duration
	gate *gate
}

// NewFile follows the file at path, which need not exist yet. parse may be nil, for
// config.ParseMemberSet, and log too.
func NewFile(path string, parse Parse, log *slog.Logger) *File {
	return &File{path: path, poll: pollInterval, gate: newGate(parse, log)}
}

// Run implements Source.
func (f *File) Run(ctx context.Context, apply func(*config.MemberSet)) {
	f.gate.use(apply)
	f.follow(ctx)
}

// Again implements Source.
func (f *File) Again() { f.gate.again() }

// Counters implements Source.
func (f *File) Counters() Counters { return f.gate.snapshot() }

func (f *File) follow(ctx context.Context) {
	follow(ctx, f.path, f.poll, read, func(content []byte, err error) {
		if err != nil {
			f.fault(err)
			return
		}
		f.gate.offer("file", content)
	})
}

// fault tells of a file that cannot be read. One that is not there yet is no
// invalid content.
func (f *File) fault(err error) {
	f.gate.log.Warn("member set file unreadable", "error", err)
	if !errors.Is(err, fs.ErrNotExist) {
		f.gate.update(func(n *Counters) { n.Invalid++ })
	}
}
