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
	// Own: the proxy's own pod. It has no share as a source.
	Own
)

const (
	// strangersLess is the part of a table that strangers cannot have.
	strangersLess = 4
	// sourcePart is the part that one source can have once half of the table is
	// used. Before it may have more: a trunk may be all there is.
	sourcePart = 8
	// minSource is how many contexts of a small table a source can have, of the
	// ordinary size: some phones behind a NAT.
	minSource = 64
)

// budget is how much of something a table has, and how it is shared out.
type budget struct {
	max   int64 // of all
	least int64 // what a source can have of a small one
}

// allows reports whether a source may have so much, where that makes so much of
// all.
func (b budget) allows(all, own int64, standing Standing) bool {
	if all > b.max || standing == Stranger && all > b.max-b.max/strangersLess {
		return false
	}
	return standing == Own || all <= b.max/2 || own <= max(b.max/sourcePart, b.least)
}

// share is what a source has of a table.
type share struct {
	contexts atomic.Int64
	bytes    atomic.Int64 // of their buffers
}

// sources counts what sources have, in fixed memory: those whose hashes are equal
// share a place. The hash is the process's own, so that nobody can choose whom to
// share it with.
type sources struct {
	seed   maphash.Seed
	places [1 << 12]share
}

// of is the place of the source of a request.
func (s *sources) of(src flow.Flow) *share {
	h := maphash.Comparable(s.seed, limit.Source(src.Remote.Addr()))
	return &s.places[h%uint64(len(s.places))]
}

// enter counts one context more of a source, and reports whether it is the first of
// the table; ok is false, and nothing is counted, if there is no room for it.
func (t *Table) enter(own *share, standing Standing) (first, ok bool) {
	all, held := t.count.Add(1), own.contexts.Add(1)
	if t.contexts.allows(all, held, standing) && t.size.allows(t.bytes.Load(), own.bytes.Load(), standing) {
		return all == 1, true
	}
	t.count.Add(-1)
	own.contexts.Add(-1)
	return false, false
}

// affords returns as many of the targets, from the first, as a context has room for:
// each is a copy of the request, so that what came small may be large by now. The
// first branch of a context comes with it.
func (t *Table) affords(c *ResponseContext, targets []Target) []Target {
	more := int64(0)
	for i := range targets {
		more += int64(len(targets[i].Bytes))
		if i+int(c.branches.count) > 0 && !t.size.allows(t.bytes.Load()+more, c.charged.bytes.Load()+more, c.standing) {
			return targets[:i]
		}
	}
	return targets
}
