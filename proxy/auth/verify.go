package auth

import (
	"crypto/rand"
	"hash/maphash"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

const (
	// maxCredentials is how many header fields of credentials are looked at. A phone has
	// one for each proxy on its way and algorithm.
	maxCredentials = 16
	// skew is how much another member's clock may be ahead, in milliseconds. Who has a
	// nonce of one that is further ahead gets another, and need not ask for a password.
	skew = 10_000
)

// dummy stands for the secrets of users that do not exist.
type dummy [32]byte

func newDummy() (d dummy) {
	_, _ = rand.Read(d[:]) // which does not fail
	return d
}

// found says what the credentials of a request are like.
type found uint8

const (
	foundNone found = iota // none for the realm
	foundOne
	foundStale // with a nonce that is too old, of the future, or of another address-of-record
	foundBad   // cannot be read
)

// authenticate has the sender prove to be a user of the realm of a.domain.
func (a *attempt) authenticate() routing.Verdict {
	f, reason := a.find()
	switch f {
	case foundOne:
	case foundStale:
		return a.challenge(resultStale, true)
	case foundBad:
		a.g.metrics.count(resultMalformed)
		return a.d.Reject(400, reason, "malformed_credentials", nil)
	default:
		return a.challenge(resultChallenged, false)
	}
	if !a.isForTarget() {
		a.g.metrics.count(resultMalformed)
		return a.d.Reject(400, "Digest URI Is Not The Request-URI", "digest_uri", nil)
	}
	a.username = a.response.AppendUsername(a.username[:0])
	a.query = credentials.Query{Username: a.username, Realm: a.domain.realm, Method: a.m.MethodBytes(), Source: a.d.From.Remote.Addr()}
	a.trier = a.g.failures.trier(a.username, a.domain.realm, a.d.From.Remote)
	if a.rules.isCrowd(a.d.From.Remote.Addr()) {
		a.trier.here = 0
	}
	if !a.g.failures.mayTry(a.trier, a.d.Now) {
		return a.findBound()
	}
	return a.look()
}

// findBound looks whether the user is registered at the address and port that the request
// comes from, where nobody else is: then it goes on as if it had authenticated from there
// at this member, as it has at another one.
func (a *attempt) findBound() routing.Verdict {
	if a.d.Find == nil || a.g.failures.hasMissed(a.trier, a.d.Now) {
		return a.silence(resultBanned)
	}
	aor := a.aor
	if len(aor) == 0 || !a.owns(aor) {
		a.d.Account = a.appendAccount(a.d.Account[:0])
		aor = a.d.Account
	}
	a.d.Find(aor, func(b routing.Bound) {
		d, v := a.d, a.found(b)
		if v != routing.Wait {
			a.release()
			d.Resume(v)
		}
	})
	return routing.Wait
}

// isForTarget reports whether the credentials are for what the request is for (RFC 7616
// 3.4.6). Those of a REGISTER may name the cluster by any of its names and addresses, as
// some phones write the one that they send to: all lead to the same registrar, and which
// address-of-record it is for is in the nonce.
func (a *attempt) isForTarget() bool {
	if a.response.IsFor(a.m.RequestURI()) {
		return true
	}
	uri, err := wire.ParseURI(a.response.URI)
	return !a.proxy() && err == nil && len(uri.Headers) == 0 && a.tables.Names(&uri)
}

// find looks for credentials of the realm with a nonce of ours (RFC 3261 22.2, 22.3).
// Those of other realms are for others. reason says what is wrong with what cannot be
// read.
func (a *attempt) find() (f found, reason string) {
	header, n := wire.HeaderAuthorization, 0
	if a.proxy() {
		header = wire.HeaderProxyAuthorization
	}
	for value := range a.m.Values(header) {
		if n++; n > maxCredentials {
			break
		}
		if err := digest.Parse(value, &a.response); err != nil {
			fault, ok := err.(*digest.Error)                               //nolint:errorlint // never wrapped, and As allocates
			if ok && fault.Kind == digest.ErrMalformed && f == foundNone { //nolint:errorlint // as above
				f, reason = foundBad, fault.Reason
			}
			continue
		}
		switch fresh, ok := a.ofRealm(); {
		case !ok:
		case fresh:
			return foundOne, ""
		default:
			f = foundStale
		}
	}
	return f, reason
}

// ofRealm reports whether the response is for the realm and the nonce of ours, and
// whether that is still fresh. One that proves nothing (RFC 3261 22.1) is not.
func (a *attempt) ofRealm() (fresh, ok bool) {
	a.text = a.response.AppendRealm(a.text[:0])
	if string(a.text) != string(a.domain.realm) || len(a.response.Response) == 0 || !a.rules.offers(a.response.Algorithm) {
		return false, false
	}
	id, ok := a.g.keys.ParseNonce(a.response.Nonce, a.domain.realm, a.source())
	age := a.d.Unix - digest.NonceTime(id)
	if !ok {
		return false, false
	}
	a.nonce = id
	return age >= -skew && age <= a.rules.nonceLife && a.isMarked(id), true
}

// look asks the store for the user, and waits if the store has to ask somebody.
func (a *attempt) look() routing.Verdict {
	answer := a.rules.store.Look(a.d.Now, &a.query, &a.credential)
	switch {
	case answer == credentials.Ask && !a.asked:
		a.verify(false) // as for one that is known, and wrong
		return a.ask()
	case answer == credentials.Ask || answer == credentials.Unavailable:
		return a.unavailable()
	}
	if a.verify(answer == credentials.Found) {
		a.g.failures.isProved(a.trier, a.d.Now)
		return a.admit()
	}
	if answer == credentials.Found && (a.credential.Stale || a.credential.Doubt) && !a.asked {
		return a.ask()
	}
	return a.fail()
}

// found goes on after findBound.
func (a *attempt) found(b routing.Bound) routing.Verdict {
	if b == routing.BoundHere {
		return a.look()
	}
	return a.silence(resultBanned)
}

// fail answers wrong credentials, or does not: see failures.
func (a *attempt) fail() routing.Verdict {
	answered, begins := a.g.failures.isAnswered(a.trier, a.request(), a.d.Now)
	if begins != banNone {
		a.g.ban(begins, a.d, a.username)
	}
	switch {
	case answered:
		return a.challenge(resultFailed, false)
	case begins != banNone || !a.g.failures.mayTry(a.trier, a.d.Now):
		return a.silence(resultBanned)
	}
	return a.silence(resultLate)
}

// request stands for the request and its retransmissions, which are the same bytes.
func (a *attempt) request() uint64 { return maphash.Bytes(a.g.failures.seed, a.m.Raw) }

// silence answers nothing.
func (a *attempt) silence(r result) routing.Verdict {
	a.g.metrics.count(r)
	return a.d.Silence(resultNames[r])
}

// maxUser is the longest user name that is shown, in bytes.
const maxUser = 64

// ban notes a ban that begins, and says so to whoever reads the log, as fail2ban does.
func (g *Gate) ban(of ban, d *routing.Decision, username []byte) {
	user, from := strings.ToValidUTF8(string(username[:min(len(username), maxUser)]), "?"), d.From.Remote.Addr().Unmap()
	g.metrics.bans[of-banUser].Inc()
	g.failures.bans.add(of, from, user, time.Now())
	if g.lines.AllowKey(d.Now, 1, 1) {
		g.log.Warn("authentication failed", "from", from.String(), "user", user, "banned", banNames[of], "seconds", banTime/1000)
	}
}

// ask waits for the source of credentials.
func (a *attempt) ask() routing.Verdict {
	a.asked = true
	a.rules.store.Ask(&a.query, func() {
		d := a.d
		v := a.look()
		a.release()
		d.Resume(v)
	})
	return routing.Wait
}

// verify reports whether the response is that of the user. Where there is none, or no
// secret for the algorithm, as much is computed.
func (a *attempt) verify(known bool) bool {
	ha1 := a.g.dummy[:a.response.Algorithm.Size()]
	switch base := a.response.Algorithm.Base(); {
	case base == digest.SHA256 && known && a.credential.HasSHA256:
		ha1 = a.credential.SHA256[:]
	case base == digest.MD5 && known && a.credential.HasMD5:
		ha1 = a.credential.MD5[:]
	default:
		known = false
	}
	return a.verifier.Verify(&a.response, a.m.MethodBytes(), ha1) && known
}
