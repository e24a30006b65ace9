package server

import (
	"bytes"

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

// toApplication takes note of what is sent to the own application: a 2xx to a call that it
// has made, or to its BYE. Of a BYE to it its answer tells.
func (s *Server) toApplication(data []byte) {
	if s.apps == nil || !bytes.HasPrefix(data, []byte("SIP/2.0 2")) {
		return
	}
	m := message{s: s}
	if m.msg.Scan(data, &s.sizes) != nil {
		return
	}
	var room [maxCallKey]byte
	key := application.AppendKey(room[:0], m.msg.CallID(), m.msg.FromTag())
	switch m.msg.CSeqMethod() {
	case wire.MethodInvite:
		m.callBegan(wire.HeaderFrom, key)
	case wire.MethodBye:
		s.apps.CallEnded(key)
	}
}

// callBegan counts a call for the address-of-record in From or To, whichever is the
// application's end.
func (m *message) callBegan(end wire.HeaderID, key []byte) {
	i := m.msg.Index(end)
	if i < 0 {
		return
	}
	name, err := wire.ParseNameAddr(m.msg.Headers[i].Value.In(m.msg.Raw))
	if err != nil {
		return
	}
	uri, err := wire.ParseURI(name.URI)
	if err != nil {
		return
	}
	var room [maxCallKey]byte
	m.s.apps.CallBegan(wire.CanonicalAOR(room[:0], uri), key)
}
