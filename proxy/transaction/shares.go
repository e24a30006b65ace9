package transaction

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
)

// Standing is what is known of who sent a request.
type Standing uint8

// The standings.
const (
	// Stranger: nothing. There is room for at most three quarters of a table's
	// contexts and bytes, so that those who were here find some.
	Stranger Standing = iota
	// Known: a call was let in before, or a phone has registered from there.
	Known
)

const (
	// strangersLess is the part of a table that strangers cannot have.
	strangersLess = 4
	// sourcePart is the part that one source can have once half of the table is
	// used. Before it may have more: a trunk may be all there is.
	sourcePart = 8
	// minSource is what a source can have of a small table: some phones behind a NAT.
	minSource = 64
)

// sources counts the contexts of sources, in fixed memory: those whose hashes are
// equal share a place. The hash is the process's own, so that nobody can choose
// whom to share it with.
type sources struct {
	seed   maphash.Seed
	places [1 << 12]atomic.Int32
}

// of is the place of the source of a request.
func (s *sources) of(src flow.Flow) *atomic.Int32 {
	h := maphash.Comparable(s.seed, limit.Source(src.Remote.Addr()))
	return &s.places[h%uint64(len(s.places))]
}

// room reports whether a source that holds so many contexts may have the n-th of the
// table.
func (t *Table) room(n int64, held int32, standing Standing) bool {
	bytes := t.bytes.Load()
	switch {
	case n > t.max || bytes > t.maxBytes:
		return false
	case standing == Stranger && (n > t.max-t.max/strangersLess || bytes > t.maxBytes-t.maxBytes/strangersLess):
		return false
	}
	return n <= t.max/2 || int64(held) <= max(t.max/sourcePart, minSource)
}
