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

// askAgain is how often, in milliseconds, the others are asked in the time that
// is waited for a member.
func (n *Node) askAgain() int64 { return n.cfg.unknownWait / 6 }

// askAround asks the others for the members that were never met; called with mu
// held.
func (n *Node) askAround(now int64) {
	v := n.view.Load()
	if v == nil || !v.Pending || now-n.asked < n.askAgain() {
		return
	}
	n.asked = now
	if question := awaited(v); question != nil {
		for _, m := range v.Members {
			n.ask(m.ID, question)
		}
	}
}

// ask sends a question to a peer that knows of such.
func (n *Node) ask(id uint32, question []byte) {
	if s := n.streamTo(id); s != nil && s.peer.Vouches {
		_ = s.append(kindAwaited, question)
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

// answerAwaited tells a peer which of the members it awaits are up here.
func (n *Node) answerAwaited(s *stream, payload []byte) {
	v := n.view.Load()
	if v == nil {
		return
	}
	var out []byte
	if !eachAwaited(payload, func(id uint32) {
		if id != n.cfg.ID && v.Up(id) {
			out = binary.BigEndian.AppendUint32(out, id)
		}
	}) {
		n.counters.badFrames.Add(1)
		return
	}
	if out != nil {
		_ = s.append(kindVouched, out)
	}
}

// vouched takes such an answer.
func (n *Node) vouched(payload []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !eachAwaited(payload, func(id uint32) { n.membership.Vouched(n.now(), id) }) {
		n.counters.badFrames.Add(1)
	}
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
