package transaction

import (
	"bytes"

	"github.com/sipring/sipring/proxy/wire"
)

// maxChallenges bounds what is collected of the challenges of other branches,
// in bytes.
const maxChallenges = 4096

// consider takes a failure as the best response if it is better than those
// before it.
func (m *machine) consider(c *Context, status int, resp *wire.Message, forward []byte) {
	if c.bestStatus != 0 && rank(status) >= rank(int(c.bestStatus)) {
		if isChallenge(status) && isChallenge(int(c.bestStatus)) && resp != nil {
			m.keepChallenges(c, resp)
		}
		return
	}
	c.bestStatus = uint16(status)
	m.pool.release(&c.best)
	if forward != nil {
		c.best = m.pool.keep(forward)
	}
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

// keepChallenges collects the challenges of a 401 or 407 that is not the best
// response (RFC 3261 16.7 step 7).
func (m *messages) keepChallenges(c *Context, resp *wire.Message) {
	start := len(m.arena)
	m.arena = append(m.arena, c.challenges...)
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
	m.replace(&c.challenges, m.arena[start:])
}

// buildBest returns the best response with the challenges of the others, in a
// buffer of the pool.
func (m *messages) buildBest(c *Context) []byte {
	if len(c.challenges) == 0 || !isChallenge(int(c.bestStatus)) {
		best := c.best
		c.best = nil
		return best
	}
	at := bytes.IndexByte(c.best, '\n') + 1 // after the status line
	b := m.pool.take(len(c.best) + len(c.challenges))
	b = append(b, c.best[:at]...)
	b = append(b, c.challenges...)
	return append(b, c.best[at:]...)
}
