package server

import (
	"bytes"
	"slices"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
)

// When a member has died its phones come back all at once, and those for whom something
// waits go before the others. Who a connection is of is known when it is registered over,
// but where the phone's last one came from is known before: handshakes from there have
// their turn first, at every member (transport.Stack.Expect).

// maxExpected is how many flows of phones one frame names, and one request.
const maxExpected = 16

// expectPhones says where the phones were last that a request waits for.
func (r *request) expectPhones() {
	s, frame := r.s, []byte(nil)
	for i, named := 0, 0; i < len(r.dialer.targets) && named < maxExpected; i++ {
		held := r.dialer.targets[i].Held
		if held.Conn == 0 || !s.dead(held) {
			continue
		}
		named++
		s.layer.Expect(held.Remote.Addr())
		frame = flow.Append(frame, held)
	}
	if len(frame) > 0 {
		s.toAll(frameExpect, frame) // not reached: the order in which they come
	}
}

// expectForPeer takes a frameExpect.
func (s *Server) expectForPeer(payload []byte) {
	for n := 0; len(payload) > 0; n++ {
		var f flow.Flow
		rest, ok := flow.Cut(payload, &f)
		if !ok || f.Conn == 0 || n == maxExpected {
			s.metrics.drop(dropPeerFrame)
			return
		}
		s.layer.Expect(f.Remote.Addr())
		payload = rest
	}
}

// isExpected reports whether something waits for who registers over a connection, here or
// at another member.
func (r *request) isExpected() bool {
	d := &r.decision
	return d.Action == routing.Register && r.from.Conn != 0 &&
		(r.s.waiting.has(d.AOR) || r.s.awaited.has(r.s.facts.text(d.AOR), r.now))
}

// has reports whether something waits for a phone.
func (w *waiting) has(aor []byte) bool {
	if w.count.Load() == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.list, func(r *request) bool { return bytes.Equal(r.wait.aor, aor) })
}

// has reports whether any member waits for a phone.
func (a *awaited) has(phone thing, now int64) bool {
	if now >= a.until.Load() {
		return false
	}
	for _, p := range a.placesOf(phone) {
		if e := p.Load(); e != nil && e.phone == phone && now < e.until {
			return true
		}
	}
	return false
}
