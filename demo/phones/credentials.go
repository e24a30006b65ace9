package phones

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/digest"
)

// Credentials answer challenges for one user (RFC 3261 22.2 and 22.3). They remember the
// last ones, and go on to use their nonces, counted, until they are told of others. Methods
// may be called concurrently.
type Credentials struct {
	// Challenges counts those that came.
	Challenges atomic.Int64

	user, password string
	only           string // the one algorithm that is known; empty for all

	mu    sync.Mutex
	known map[occasion]*challenge
}

// occasion is what a challenge is remembered for: a registrar's is not a proxy's.
type occasion struct{ proxy, register bool }

// challenge is one that was answered, and how often.
type challenge struct {
	digest.Challenge
	secret []byte
	count  uint32
}

// NewCredentials are a user's. algorithm is the only one that the phone knows, such as MD5;
// if it is empty, the first that is offered is taken (RFC 8760 2.4).
func NewCredentials(user, password, algorithm string) *Credentials {
	return &Credentials{user: user, password: password, only: algorithm, known: map[occasion]*challenge{}}
}

// Lines are the header lines for a request of what was asked for so far, none before the
// first challenge. Each has a count of its own.
func (c *Credentials) Lines(method, uri string) (lines []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, proxy := range []bool{false, true} {
		ch := c.known[occasion{proxy, method == "REGISTER"}]
		if ch == nil {
			continue
		}
		ch.count++
		var chance [8]byte
		_, _ = rand.Read(chance[:]) // crypto/rand.Read never fails
		line := digest.AppendAuthorization(nil, &ch.Challenge, &digest.Proof{
			Proxy: proxy, Username: []byte(c.user), HA1: ch.secret, Method: []byte(method), URI: []byte(uri),
			CNonce: digest.AppendCNonce(nil, chance), Count: ch.count,
		})
		lines = append(lines, string(bytes.TrimSuffix(line, []byte("\r\n"))))
	}
	return lines
}

// Challenged takes what a 401 or 407 to a request asked for: the values of its
// WWW-Authenticate or Proxy-Authenticate. known says whether one of them can be answered, and
// stale whether nothing but the nonce was wrong.
func (c *Credentials) Challenged(status int, method string, values []string) (known, stale bool) {
	c.Challenges.Add(1)
	for _, v := range values {
		ch := &challenge{}
		if digest.ParseChallenge([]byte(v), &ch.Challenge) != nil || cmp.Or(c.only, ch.Algorithm.String()) != ch.Algorithm.String() {
			continue
		}
		ch.secret = ch.Secret([]byte(c.user), []byte(c.password))
		c.mu.Lock()
		c.known[occasion{status == statusProxy, method == "REGISTER"}] = ch
		c.mu.Unlock()
		return true, ch.Stale
	}
	return false, false
}

// Challenges come with these, in these.
const (
	statusUser  = 401
	statusProxy = 407
)

// ChallengeHeader is the name of the header field with a response's challenges, in its usual
// form; empty if there is none.
func ChallengeHeader(status int) string {
	switch status {
	case statusUser:
		return "WWW-Authenticate"
	case statusProxy:
		return "Proxy-Authenticate"
	}
	return ""
}

// Attempt is one request's way through challenges.
type Attempt struct {
	sent        int
	user, proxy bool // it was sent with what a challenge of that kind had asked of it
}

// maxSent is how often a request is sent at most: for a proxy and a user agent that both
// ask, and once more as a nonce got old.
const maxSent = 4

// Again takes a final response, with the values of its ChallengeHeader, and says whether the
// request is to be sent again, with the credentials' Lines and the next CSeq. A password
// that was refused is not tried again.
func (a *Attempt) Again(c *Credentials, status int, method string, values []string) bool {
	if c == nil || ChallengeHeader(status) == "" {
		return false
	}
	a.sent++
	answered := &a.user
	if status == statusProxy {
		answered = &a.proxy
	}
	known, stale := c.Challenged(status, method, values)
	if !known || *answered && !stale || a.sent == maxSent {
		return false
	}
	*answered = true
	return true
}
