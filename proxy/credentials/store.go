package credentials

import (
	"errors"
	"log/slog"
	"net/netip"

	"github.com/sipring/sipring/proxy/config"
)

// Query is for whom somebody asks.
type Query struct {
	// Username is as the phone wrote it, without escapes: with or without a domain.
	Username []byte
	// Realm is that of our challenge.
	Realm []byte
	// Method of the request, and where it came from: a source may want to know.
	Method []byte
	Source netip.Addr
}

// Credential is what a user proves to know, by algorithm.
type Credential struct {
	MD5               [16]byte
	SHA256            [32]byte
	HasMD5, HasSHA256 bool
	// Stale: the source said so longer ago than it holds for, and is being asked again, or is away. A response that does
	// not verify by it may do so by what the source says now: Ask, once, and look again.
	Stale bool
	// Doubt: nobody has asked the source about the user for as long as it holds that one does not exist. Who sends a
	// response that does not verify is answered after asking, as if there were no such user: Ask, once, and look again.
	Doubt bool
	// AORs are canonical (wire.CanonicalAOR): those that are the user's beside the one that the user name and the
	// domain of the realm make. They are shared: do not change them.
	AORs []string
}

// Answer is what Look finds.
type Answer uint8

// What Look answers.
const (
	// Unknown says that there is no such user.
	Unknown Answer = iota
	// Found says that the Credential is set.
	Found
	// Unavailable says that the source is away, or too many wait for it, and nothing is known of the user.
	Unavailable
	// Ask says that nothing is known here. Call Ask, and look again.
	Ask
)

// Store holds the credentials of users. All of it is safe for concurrent use.
type Store interface {
	// Look answers from memory, without allocation or wait. now is the caller's monotonic clock in ms.
	Look(now int64, q *Query, c *Credential) Answer
	// Ask has the source asked. done is called once, by this goroutine or another, when Look no longer says Ask; it must
	// not block. Those who ask for one user share a question. Where too many wait already done is called at once, and
	// Look says Unavailable. q is copied. A caller that is told Ask again takes it for Unavailable: what was found may
	// have been pushed out in between, and it must not go round.
	Ask(q *Query, done func())
	// Close ends what follows the source. Those who wait are called, and find the user Unavailable.
	Close() error
}

// Open returns the credentials of the source that c names, which is one. It does not wait for a database or a service,
// and files need not exist yet: what is an error is wrong in c. log may be nil, and so may m.
func Open(c *config.Credentials, log *slog.Logger, m *Metrics) (Store, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if m == nil {
		m = NewMetrics()
	}
	sources := 0
	for _, named := range []bool{len(c.Files) > 0, c.Postgres != nil, c.HTTP != nil} {
		if named {
			sources++
		}
	}
	switch {
	case sources != 1:
		return nil, errors.New("credentials: exactly one of files, postgres and http must be named")
	case len(c.Files) > 0:
		return openFiles(c.Files, log, m), nil
	case c.Postgres != nil:
		return openPostgres(c, log, m)
	}
	return openHTTP(c, log, m)
}
