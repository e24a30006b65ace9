package server

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/wire"
)

// message is one that came, a request or a response, from the network or from
// another member, with the space that it takes: a copy of its bytes, and what is
// built from them.
type message struct {
	s    *Server
	snap *snapshot
	msg  wire.Message
	from flow.Flow // what it came over; none from another member
	now  int64     // milliseconds

	builder forward.Builder
	raw     []byte // what msg is an index of
	out     []byte // messages being built

	peer    bool // came from another member
	offered bool // to this and all others
}

// read scans the bytes of a message.
func (m *message) read() error {
	if err := m.msg.Scan(m.raw, &m.s.sizes); err != nil {
		return err
	}
	if t := m.from.Transport; (t == flow.TCP || t == flow.TLS) && !m.peer && !m.msg.Has(wire.HeaderContentLength) {
		return errNoContentLength
	}
	return m.msg.Validate()
}

// errNoContentLength: where a message ends in a stream of bytes nobody knows without it
// (RFC 3261 18.3, 20.14).
var errNoContentLength = &wire.Error{Kind: wire.KindLength, Status: 400, Reason: "Missing Content-Length"}
