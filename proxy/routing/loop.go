package routing

import (
	"bytes"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// maxPasses is how often a request may have passed this cluster, changed each
// time. A call that a PBX diverts comes back once, one that the next PBX diverts
// again once more, and one is to spare: contacts within our own domains are
// followed without a pass. Each makes a transaction and a longer request, and costs
// a hash over its Request-URI and Routes.
const maxPasses = 3

// checkLoop is RFC 3261 16.3 step 4.
func checkLoop(t *Tables, m *wire.Message, d *Decision) Verdict {
	if t.looped(m, d) {
		return d.Reject(482, "Loop Detected", "loop", nil)
	}
	return Next
}

// looped reports whether the request has passed this cluster before, just as it
// is now (RFC 3261 16.3 step 4), or too often.
func (t *Tables) looped(m *wire.Message, d *Decision) bool {
	for v := range m.Values(wire.HeaderVia) {
		if !mayBeOurs(v) {
			continue
		}
		via, err := wire.ParseVia(v)
		if err != nil || len(via.Branch()) != token.BranchLen {
			continue
		}
		branch, ours := t.keys.ParseBranch(via.Branch())
		if !ours {
			continue
		}
		if d.Passes++; d.Passes > maxPasses || branch.Loop == t.keys.LoopHash(branch.Tx, d.LoopFields(m)) {
			return true
		}
	}
	return false
}

// mayBeOurs reports whether a Via holds something as long as a branch of ours;
// most are told apart without parsing them.
func mayBeOurs(via []byte) bool {
	at := bytes.Index(via, magicCookie)
	if at < 0 || len(via)-at < token.BranchLen {
		return false
	}
	rest := via[at+token.BranchLen:]
	return len(rest) == 0 || rest[0] == ';' || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r'
}

var magicCookie = []byte("z9hG4bK")

// Of gathers the fields of a request that decide where it goes. They are views
// into m and hold until the next call.
func (s *loopScratch) Of(m *wire.Message) {
	s.routes = s.routes[:0]
	for r := range m.Values(wire.HeaderRoute) {
		s.routes = append(s.routes, r)
	}
	number, _, _ := m.CSeq()
	s.Fields = token.LoopFields{
		RequestURI: m.RequestURI(), Routes: s.routes, FromTag: m.FromTag(), CallID: m.CallID(), CSeq: number,
	}
}

// LoopFields returns the fields of the loop hash of m, the request decided on.
// They are gathered once.
func (d *Decision) LoopFields(m *wire.Message) *token.LoopFields {
	if !d.gathered {
		d.gathered = true
		d.loop.Of(m)
	}
	return &d.loop.Fields
}
