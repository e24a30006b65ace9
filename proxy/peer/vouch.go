package peer

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/cluster"
)

// A member that starts gives up those who do not turn up, and is ready then. That
// it cannot reach one says little: it may be the connection between the two. So it
// asks those it reaches, and waits on for whom one of them has a stream to.

// maxAwaited bounds the members that one question or answer names.
const maxAwaited = 4096

// vouching asks the others for members that were never met, and answers them.
// asked is guarded by membership.mu; the rest does not change.
type vouching struct {
	self    uint32
	wait    int64 // how long, in milliseconds, a member is waited for
	view    *current
	links   *links
	metrics *metrics

	asked int64 // when the others were asked last
}

// askAround asks the others for the members that were never met, again and again
// in the time that is waited for one; called with membership.mu held.
func (v *vouching) askAround(now int64) {
	view := v.view.Load()
	if view == nil || !view.Pending || now-v.asked < v.wait/6 {
		return
	}
	v.asked = now
	if question := awaited(view); question != nil {
		for _, m := range view.Members {
			v.ask(m.ID, question)
		}
	}
}

// ask sends a question to a peer that knows of such.
func (v *vouching) ask(id uint32, question []byte) {
	if s := v.links.streamTo(id); s != nil && s.peer.Vouches {
		_ = s.append(kindAwaited, question)
	}
}

// answer tells a peer which of the members it awaits are up here.
func (v *vouching) answer(s *stream, payload []byte) {
	view := v.view.Load()
	if view == nil {
		return
	}
	var out []byte
	if !eachAwaited(payload, func(id uint32) {
		if id != v.self && view.Up(id) {
			out = binary.BigEndian.AppendUint32(out, id)
		}
	}) {
		v.metrics.unreadable.Inc()
		return
	}
	if out != nil {
		_ = s.append(kindVouched, out)
	}
}

// awaited names the members that were never met, nil if there are none.
func awaited(v *cluster.View) []byte {
	var out []byte
	for _, m := range v.Members {
		if m.Liveness == cluster.Unknown && len(out) < 4*maxAwaited {
			out = binary.BigEndian.AppendUint32(out, m.ID)
		}
	}
	return out
}

// eachAwaited reports whether the payload is a list of members.
func eachAwaited(payload []byte, do func(id uint32)) bool {
	if len(payload) == 0 || len(payload)%4 != 0 || len(payload) > 4*maxAwaited {
		return false
	}
	for ; len(payload) > 0; payload = payload[4:] {
		do(binary.BigEndian.Uint32(payload))
	}
	return true
}
