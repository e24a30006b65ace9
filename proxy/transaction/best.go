package transaction

import (
	"bytes"

	"github.com/sipring/sipring/proxy/wire"
)

// maxChallenges bounds what is collected of the challenges of other branches,
// in bytes.
const maxChallenges = 4096

// bestResponse is the best final response so far, of those that are kept until all
// branches have answered (RFC 3261 16.7 step 6).
type bestResponse struct {
	response   []byte // nil if it is made here
	challenges []byte // header lines of other 401 and 407 (RFC 3261 16.7 step 7)
	status     uint16 // 0: none yet
}

// consider takes a failure as the best response if it is better than those
// before it.
func (r *bestResponse) consider(e *event, status int, resp *wire.Message, forward []byte) {
	if r.status != 0 && rank(status) >= rank(int(r.status)) {
		if isChallenge(status) && isChallenge(int(r.status)) && resp != nil {
			e.addChallenges(&r.challenges, resp)
		}
		return
	}
	r.status = uint16(status)
	e.pool.release(&r.response)
	if forward != nil {
		r.response = e.pool.keep(forward)
	}
}

// take returns the best response with the challenges of the others, in a buffer of
// the pool.
func (r *bestResponse) take(e *event) []byte {
	best := r.response
	if len(r.challenges) == 0 || !isChallenge(int(r.status)) {
		r.response = nil
		return best
	}
	at := bytes.IndexByte(best, '\n') + 1 // after the status line
	b := e.pool.take(len(best) + len(r.challenges))
	b = append(b, best[:at]...)
	b = append(b, r.challenges...)
	return append(b, best[at:]...)
}

// drop gives it up.
func (r *bestResponse) drop(e *event) {
	e.pool.release(&r.response)
	e.pool.release(&r.challenges)
}

// rank orders failures, the best one lowest (RFC 3261 16.7 step 6): 6xx first,
// else the lowest class; in a class those first that tell the caller how to try
// again, and last those that tell nothing. As all challenges rank the same, and
// only 6xx and 3xx before them, the first one stays the best among them.
func rank(status int) int {
	class := status / 100
	switch status {
	case 401, 407, 415, 420, 484:
		return class * 10
	case 408, 503:
		return class*10 + 2
	}
	if class == 6 {
		return 0
	}
	return class*10 + 1
}

func isChallenge(status int) bool { return status == 401 || status == 407 }

// addChallenges collects the challenges of a 401 or 407 that is not the best
// response (RFC 3261 16.7 step 7).
func (m *messages) addChallenges(challenges *[]byte, resp *wire.Message) {
	start := len(m.arena)
	m.arena = append(m.arena, *challenges...)
	for i := range resp.Headers {
		h := &resp.Headers[i]
		if h.ID != wire.HeaderWWWAuthenticate && h.ID != wire.HeaderProxyAuthenticate {
			continue
		}
		value := h.Value.In(resp.Raw)
		if len(m.arena)-start+len(value) < maxChallenges {
			m.arena = appendHeader(m.arena, h.ID.String(), value)
		}
	}
	m.replace(challenges, m.arena[start:])
}
