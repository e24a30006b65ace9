package auth

import (
	"hash/fnv"
	"strconv"

	"github.com/sipring/sipring/proxy/routing"
)

// Retry-After of what is refused while the source of credentials is away, in seconds:
// spread, so that not all come back at once.
const (
	leastRetry  = 5
	retrySpread = 25
)

// unavailable answers that nobody can tell whether the credentials are right (RFC 3261
// 21.5.4).
func (a *attempt) unavailable() routing.Verdict {
	a.g.metrics.count(resultUnavailable)
	h := fnv.New32a()
	_, _ = h.Write(a.m.CallID())
	a.d.Challenge = append(a.d.Challenge[:0], "Retry-After: "...)
	a.d.Challenge = strconv.AppendUint(a.d.Challenge, leastRetry+uint64(h.Sum32()%retrySpread), 10)
	a.d.Challenge = append(a.d.Challenge, "\r\n"...)
	return a.d.Reject(503, "Credentials Cannot Be Checked Now", "credentials_unavailable", a.d.Challenge)
}
