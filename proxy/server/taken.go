package server

import (
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
)

// maxTaken is how many flows that have another owner by now are remembered. A power of two.
const maxTaken = 1 << 13

// taken are UDP flows that members have taken over, as those have said: a token, or what
// was sent before, has the owner of then. Each has one place, where a later one may take
// it from it: then that member is asked for again. Safe for concurrent use; looking costs
// one load.
type taken struct {
	places [maxTaken]atomic.Pointer[takeover]
}

type takeover struct {
	source   source
	from, to forward.Owner
}

func (t *taken) place(k source) *atomic.Pointer[takeover] { return &t.places[k.hash()>>32%maxTaken] }

func (t *taken) add(k source, from, to forward.Owner) {
	t.place(k).Store(&takeover{source: k, from: from, to: to})
}

// now is a flow with the owner that it has by now, as far as that is known: another one if
// it was taken from the one that it has, or if that is dead.
func (s *Server) ownerNow(f flow.Flow) flow.Flow {
	if !f.IsOwnedUDP() {
		return f
	}
	e := s.taken.place(sourceOf(f)).Load()
	if e == nil || e.source != sourceOf(f) {
		return f
	}
	if own := ownerOf(f); own != e.from && (own == e.to || s.lives(own)) {
		return f
	}
	if s.lives(e.to) {
		f.Owner, f.Life = e.to.ID, e.to.Life
	}
	return f
}

// hasMoved reports whether a flow was taken from the owner that it has.
func (s *Server) hasMoved(f flow.Flow) bool {
	return f.IsOwnedUDP() && ownerOf(s.ownerNow(f)) != ownerOf(f)
}

func ownerOf(f flow.Flow) forward.Owner { return forward.Owner{ID: f.Owner, Life: f.Life} }

// lives is alive of any member, this one too.
func (s *Server) lives(o forward.Owner) bool {
	return o == s.owner() || o.ID != s.self && s.alive(o)
}
