package server

import (
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// retryAfter is the Retry-After of a 503, in seconds. Where phones have to authenticate,
// which takes each of them two requests, it is up to five times that, so that those who
// are sent away at once do not come back so.
func (r *request) retryAfter(seconds uint64) []byte {
	if a := r.snap.config.Authentication; a != nil && !a.Open {
		seconds += xxhash.Sum64(r.msg.CallID()) % (4 * seconds)
	}
	r.retry = append(strconv.AppendUint(append(r.retry[:0], "Retry-After: "...), seconds, 10), '\r', '\n')
	return r.retry
}
