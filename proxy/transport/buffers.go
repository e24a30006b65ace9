package transport

import (
	"sync"

	"github.com/sipring/sipring/proxy/transport/frame"
)

// Messages are read into buffers that belong to a connection only while it has part of
// a message. Most fit in the small ones; the large ones hold any.
const (
	smallBuffer = 4 << 10
	largeBuffer = frame.MaxHeader + frame.MaxBody
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// inbox is what came of a connection and is not handled yet.
type inbox struct {
	room *room
	by   uint64 // the source that a large buffer is charged to
	buf  []byte
	n    int
}

func (b *inbox) bytes() []byte { return b.buf[:b.n] }

// free is where to read to: not much at once, as what follows a message is moved when
// that is cut off.
func (b *inbox) free() []byte { return b.buf[b.n:min(b.n+smallBuffer, len(b.buf))] }

// take gives the inbox a small buffer.
func (b *inbox) take() { b.buf, b.n = smallBuffers.Get().(*[smallBuffer]byte)[:], 0 }

// give returns the buffer to its pool.
func (b *inbox) give() {
	switch len(b.buf) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b.buf))
	case largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(b.buf))
		b.room.give(b.by, largeBuffer)
	}
	b.buf, b.n = nil, 0
}

// grow replaces the buffer by a large one, if there is room for it.
func (b *inbox) grow() bool {
	if len(b.buf) == largeBuffer || !b.room.take(b.by, largeBuffer) {
		return false
	}
	large := largeBuffers.Get().(*[largeBuffer]byte)[:]
	copy(large, b.buf[:b.n])
	n := b.n
	b.give()
	b.buf, b.n = large, n
	return true
}

// cut takes the first n bytes off.
func (b *inbox) cut(n int) { b.n = copy(b.buf, b.buf[n:b.n]) }

// room is the memory of all large buffers, of which no source has more than a share.
type room struct {
	most, share int

	mu   sync.Mutex
	used int
	of   map[uint64]int
}

// largeRoom is what all large buffers may take, in bytes, and one source's at most.
const (
	largeRoom  = 64 << 20
	largeShare = largeRoom / 8
)

func newRoom(most, share int) *room { return &room{most: most, share: share, of: map[uint64]int{}} }

func (r *room) take(by uint64, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used+n > r.most || r.of[by]+n > r.share {
		return false
	}
	r.used += n
	r.of[by] += n
	return true
}

func (r *room) give(by uint64, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	if r.of[by] -= n; r.of[by] == 0 {
		delete(r.of, by)
	}
}
