package token

import "github.com/sipring/sipring/proxy/flow"

// reader takes a verified body apart. After the first thing that makes no
// sense it is bad and yields zeros.
type reader struct {
	rest []byte
	bad  bool
}

// take returns the next n bytes, or nil if there are not that many.
func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// big returns an integer of n bytes, most significant first.
func (r *reader) big(n int) (v uint64) {
	for _, c := range r.take(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *reader) flow(f *flow.Flow) {
	if !r.bad {
		rest, ok := flow.Cut(r.rest, f)
		r.rest, r.bad = rest, !ok
	}
}
