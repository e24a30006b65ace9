package server

import (
	"bytes"
	"slices"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// The member beside an application counts the calls that it has, by what it sends and what
// is sent to it: for the pin of the callee, and so that a proxy that leaves waits for them.

// maxCallKey is the longest name of a call that needs no memory of its own, in bytes.
const maxCallKey = 256

// fromApplication takes note of a message of the own application.
func (m *message) fromApplication() {
	apps := m.s.apps
	if apps == nil || m.from.Transport != flow.Local {
		return
	}
	var room [maxCallKey]byte
	if m.msg.IsRequest() {
		switch key := application.AppendKey(room[:0], m.msg.CallID(), m.msg.FromTag()); {
		case len(m.msg.ToTag()) == 0:
		case m.msg.Method() == wire.MethodBye:
			apps.CallEnded(key)
		default:
			apps.CallGoesOn(key)
		}
		return
	}
	key := application.AppendKey(room[:0], m.msg.CallID(), m.msg.ToTag())
	switch status, method := m.msg.StatusCode(), m.msg.CSeqMethod(); {
	case status < 200 || len(m.msg.ToTag()) == 0:
	case method == wire.MethodBye, status == 481 || status == 408:
		apps.CallEnded(key)
	case method == wire.MethodInvite && status < 300:
		m.callBegan(wire.HeaderTo, key)
	}
}

// toApplication takes note of what is sent to the own application: a call for it and the ACK of
// its answer, a 2xx to one that it has made, or to its BYE. Of a BYE to it its answer tells.
func (s *Server) toApplication(data []byte) {
	if s.apps == nil || !slices.ContainsFunc(noted, func(start []byte) bool { return bytes.HasPrefix(data, start) }) {
		return
	}
	m := message{s: s}
	if m.msg.Scan(data, &s.sizes) != nil {
		return
	}
	var room [maxCallKey]byte
	switch {
	case !m.msg.IsRequest():
	case m.msg.Method() == wire.MethodAck:
		s.apps.CallGoesOn(application.AppendKey(room[:0], m.msg.CallID(), m.msg.ToTag()))
		return
	default:
		m.callComes()
		return
	}
	key := application.AppendKey(room[:0], m.msg.CallID(), m.msg.FromTag())
	switch m.msg.CSeqMethod() {
	case wire.MethodInvite:
		m.callBegan(wire.HeaderFrom, key)
	case wire.MethodBye:
		s.apps.CallEnded(key)
	}
}

// noted is how the messages begin that toApplication looks at.
var noted = [][]byte{[]byte("SIP/2.0 2"), []byte("INVITE "), []byte("ACK ")}

// callComes takes note of a call for the application, which is not answered yet.
func (m *message) callComes() {
	if len(m.msg.ToTag()) > 0 {
		return
	}
	var room [maxCallKey]byte
	if aor := m.endAOR(room[:0], wire.HeaderTo); len(aor) > 0 {
		m.s.apps.CallComes(aor)
	}
}

// callBegan counts a call for the address-of-record in From or To, whichever is the
// application's end.
func (m *message) callBegan(end wire.HeaderID, key []byte) {
	var room [maxCallKey]byte
	if aor := m.endAOR(room[:0], end); len(aor) > 0 {
		m.s.apps.CallBegan(aor, key)
	}
}

// endAOR appends the address-of-record in From or To; nothing where there is none.
func (m *message) endAOR(dst []byte, end wire.HeaderID) []byte {
	i := m.msg.Index(end)
	if i < 0 {
		return dst
	}
	name, err := wire.ParseNameAddr(m.msg.Headers[i].Value.In(m.msg.Raw))
	if err != nil {
		return dst
	}
	uri, err := wire.ParseURI(name.URI)
	if err != nil {
		return dst
	}
	return wire.CanonicalAOR(dst, uri)
}
