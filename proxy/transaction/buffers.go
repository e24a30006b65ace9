package transaction

// bufferSizes are the capacities of pooled buffers, in bytes. What is larger is
// left to the garbage collector.
var bufferSizes = [...]int{256, 320, 384, 448, 512, 640, 768, 1024, 1536, 2048, 3072, 4096, 8192, 16384, 32768, 66560}

// How many buffers of a size may lie idle beyond as many as are in use, and how
// many bytes that may be.
const (
	spareBuffers = 32
	spareBytes   = 64 << 10
)

// poison is what a buffer is filled with in tests before it is used again.
const poison = 0xdb

// buffers is a pool of byte buffers. A buffer that is released may be used
// again only after flush, so that actions may still refer to it until then.
type buffers struct {
	bytes    int64 // of all buffers that are out
	released [][]byte
	used     [len(bufferSizes)]int
	free     [len(bufferSizes)][][]byte
	poisoned bool // tests only: overwrite what comes back
}

// keep returns a copy of b.
func (p *buffers) keep(b []byte) []byte { return append(p.take(len(b)), b...) }

// take returns an empty buffer with room for n bytes.
func (p *buffers) take(n int) []byte {
	for i, size := range bufferSizes {
		if n > size {
			continue
		}
		p.used[i]++
		p.bytes += int64(size)
		last := len(p.free[i]) - 1
		if last < 0 {
			return make([]byte, 0, size)
		}
		b := p.free[i][last]
		p.free[i] = p.free[i][:last]
		return b
	}
	p.bytes += int64(n)
	return make([]byte, 0, n)
}

// release gives the buffer back at the next flush and clears the reference.
func (p *buffers) release(b *[]byte) {
	if *b != nil {
		p.released = append(p.released, *b)
		*b = nil
	}
}

// flush lets released buffers be used again.
func (p *buffers) flush() {
	for i, b := range p.released {
		p.released[i] = nil
		p.put(b)
	}
	p.released = p.released[:0]
}

func (p *buffers) put(b []byte) {
	if p.poisoned {
		for i := range b {
			b[i] = poison
		}
	}
	p.bytes -= int64(cap(b))
	for i, size := range bufferSizes {
		if cap(b) != size {
			continue
		}
		p.used[i]--
		p.free[i] = trim(append(p.free[i], b[:0]), p.used[i]+min(spareBuffers, spareBytes/size))
		return
	}
}

// trim leaves at most n of what lies idle.
func trim[T any](idle []T, n int) []T {
	if len(idle) > n {
		clear(idle[n:])
		idle = idle[:n]
	}
	return idle
}
