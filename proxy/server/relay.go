package server

import (
	"errors"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/transport"
)

// A connection is held by one member, and used by all: whoever has a message for it
// gives that to its owner, which writes it there, and no more. So it is with a UDP flow
// that leads through a NAT (source.go). There is no Via and no
// hop between members. Their streams keep the order, within a dialog, too.

// errOwnerDead: who holds the connection does not live, or has started anew since.
var errOwnerDead = errors.New("the member that holds the connection is dead")

// deliver gives a message to a flow, wherever that is.
func (s *Server) deliver(to flow.Flow, data []byte) error {
	if to = s.ownerNow(to); to.Owner == s.self || !to.IsHeld() {
		return s.put(to, data)
	}
	return s.relay(to, data)
}

// put sends a message over a flow of this process's.
func (s *Server) put(to flow.Flow, data []byte) error {
	if to.Transport == flow.Local {
		s.toApplication(data)
	}
	return s.layer.Send(to, data)
}

// reaches reports whether the member that has a flow can be given a frame: in the life that
// a connection is of, in any where it leads to the application.
func (s *Server) reaches(to flow.Flow) bool {
	if to.Transport == flow.Local {
		v := s.cluster.View()
		return v != nil && v.Up(to.Owner)
	}
	return s.alive(forward.Owner{ID: to.Owner, Life: to.Life})
}

// relay gives a message to the member that has the flow.
func (s *Server) relay(to flow.Flow, data []byte) error {
	if !s.reaches(to) {
		return errOwnerDead
	}
	frame, _ := s.frames.Get().(*[]byte)
	if frame == nil {
		frame = new([]byte)
	}
	*frame = append(flow.Append((*frame)[:0], to), data...)
	err := s.cluster.Send(to.Owner, frameSend, *frame)
	if cap(*frame) <= maxKept {
		s.frames.Put(frame)
	}
	if err == nil {
		s.metrics.relayed.Add(1)
		return nil
	}
	switch {
	case to.Conn != 0:
		s.deaths.rest(s.now(), to)
	case s.apps != nil:
		s.apps.absent.lacks(to.Owner, s.now())
	}
	return err
}

// sendForPeer takes a frameSend: a message of another member for a connection here. If
// that is over, the member is told.
func (s *Server) sendForPeer(from uint32, payload []byte) {
	var to flow.Flow
	data, ok := flow.Cut(payload, &to)
	if ok && to.Transport == flow.UDP {
		s.datagramForPeer(to, data)
		return
	}
	if !ok || !to.IsHeld() || len(data) == 0 || len(data) > s.sizes.MaxMessage+maxGrowth {
		s.metrics.drop(dropPeerFrame)
		return
	}
	err := transport.ErrGone
	if to.Owner == s.self {
		err = s.put(to, data)
	}
	if err == nil {
		s.metrics.fromPeer.Add(1)
		return
	}
	s.metrics.lostFlow.Add(1)
	gone := flow.Append(nil, to)
	if own, ok := s.current().names.Find(data); ok {
		gone = append(gone, own.Text...)
	}
	_ = s.cluster.Send(from, frameGone, gone) // not reached: the announcement, or a timer
}

// datagramForPeer sends a datagram for another member: this one owns the flow, whose owner
// the frame does not name.
func (s *Server) datagramForPeer(to flow.Flow, data []byte) {
	switch {
	case !to.IsValid() || len(data) == 0 || len(data) > s.sizes.MaxMessage+maxGrowth:
		s.metrics.drop(dropPeerFrame)
	case !s.current().egress.Answers(to.Remote):
		s.metrics.drop(dropNoDestination)
	case !s.owned.may(sourceOf(to), s.now()): // no member has another send to whomever it likes
		s.metrics.lostFlow.Add(1)
	default:
		s.metrics.fromPeer.Add(1)
		_ = s.layer.Send(to, data)
	}
}

// maxGrowth is how much longer a message may have become here than one may come.
const maxGrowth = 8 << 10

// goneAtPeer takes a frameGone: a connection of another member is over, and what was to
// go over it, with a branch of ours if it was a request, is lost.
func (s *Server) goneAtPeer(from uint32, payload []byte) {
	var f flow.Flow
	text, ok := flow.Cut(payload, &f)
	if !ok || !f.IsHeld() || f.Owner != from {
		s.metrics.drop(dropPeerFrame)
		return
	}
	if f.Conn != 0 {
		s.deaths.add(s.now(), f)
		s.nudge()
	}
	if branch, ours := s.keys.ParseBranch(text); ours {
		s.table.TransportError(s.now(), branch.Tx, branch)
	}
}
