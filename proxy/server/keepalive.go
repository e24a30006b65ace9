package server

import (
	"sync"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transport/stun"
)

// notSIP tells keep-alives from messages: CRLFs (RFC 5626 3.5.1), the NULs that
// some phones send, and STUN (RFC 5389 6: the first two bits are zero, which no
// SIP message begins with).
func notSIP(data []byte) bool {
	return len(data) < 8 || data[0] < 4 || data[0] == '\r' && data[1] == '\n' && len(data) <= 8
}

// How often who registers is asked to send keep-alives, in seconds: over connections as
// Flow-Timer says (RFC 5626 4.4.1), over UDP as often as translations of it want (4.4.2).
const (
	keepConnection = 120
	keepUDP        = 25
)

// keepAliveSeconds is what a keep parameter in the topmost Via of a REGISTER is told, if
// anything is registered then (RFC 6223 4.2.2, 4.4): keep-alives are answered over all
// transports.
func keepAliveSeconds(over flow.Transport, registered bool) uint16 {
	switch {
	case !registered:
		return 0
	case over.Reliable():
		return keepConnection
	}
	return keepUDP
}

// stunAnswers are where answers are made.
var stunAnswers = sync.Pool{New: func() any { return new([stun.MaxLen]byte) }}

// keepAlive takes what is not SIP. What asks by STUN whether the flow is alive, and what
// the address is at this end of it, is told (RFC 5626 3.5.2), as far as a source may send
// at all, and all strangers together: whoever forges addresses would have us send to each.
func (s *Server) keepAlive(f flow.Flow, data []byte) {
	if f.Transport != flow.UDP || len(data) < stun.MinLen {
		s.metrics.drop(dropKeepalive)
		return
	}
	if now := s.now(); s.tooMany(now, f.Remote.Addr()) || s.tooManyStrangers(f, now, data) {
		return
	}
	room := stunAnswers.Get().(*[stun.MaxLen]byte)
	defer stunAnswers.Put(room)
	answer := stun.AppendAnswer(room[:0], data, f.Remote)
	if len(answer) == 0 {
		s.metrics.drop(dropKeepalive)
		return
	}
	s.metrics.stunAnswers.Inc()
	s.layer.Answer(f, answer)
}
