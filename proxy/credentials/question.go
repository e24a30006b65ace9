package credentials

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"
)

// question is a Query that is kept.
type question struct {
	key                     string
	username, realm, method string
	from                    netip.Addr
}

// maxMethod bounds the method that is passed on, in bytes.
const maxMethod = 32

func newQuestion(key []byte, q *Query) question {
	k := string(key)
	username, realm, _ := strings.Cut(k, "\x00")
	return question{key: k, username: username, realm: realm, method: string(q.Method[:min(len(q.Method), maxMethod)]), from: q.Source}
}

// size is what its strings take. User name and realm are parts of the key, which counts elsewhere.
func (q *question) size() int64 { return int64(len(q.method)) }

// split returns the user and the domain in the user name, which is empty if there is none.
func (q *question) split() (user, domain string) {
	if i := strings.LastIndexByte(q.username, '@'); i > 0 && i+1 < len(q.username) {
		return q.username[:i], q.username[i+1:]
	}
	return q.username, ""
}

// finding is what a source says of a user.
type finding struct {
	known bool
	is    Credential
	life  time.Duration // for which it holds; 0: as configured
}

// source is asked for users, by several goroutines. An error that is an *oddity says that it answered, but nothing that
// makes sense; any other, that it is away.
type source interface {
	ask(ctx context.Context, q *question) (finding, error)
	close()
}

// oddity is an answer that makes no sense. The next one may: it says nothing of whether the source is there.
type oddity struct{ why error }

func (o *oddity) Error() string { return o.why.Error() }
func (o *oddity) Unwrap() error { return o.why }

func isOddity(err error) bool {
	var o *oddity
	return errors.As(err, &o)
}
