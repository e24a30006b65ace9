package auth

import (
	"math/rand/v2"
	"net/netip"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// challenge asks for credentials: 401 as the registrar, 407 as a proxy (RFC 3261 22.2,
// 22.3), with a nonce that is made for this. stale says that only the nonce was wrong.
func (a *attempt) challenge(r result, stale bool) routing.Verdict {
	a.g.metrics.count(r)
	a.d.Challenge = a.appendChallenge(a.d.Challenge[:0], stale)
	if a.proxy() {
		return a.d.Reject(407, "Proxy Authentication Required", "challenge", a.d.Challenge)
	}
	return a.d.Reject(401, "Unauthorized", "challenge", a.d.Challenge)
}

// proxy reports whether the request is for a proxy to authenticate.
func (a *attempt) proxy() bool { return a.m.Method() != wire.MethodRegister }

func (a *attempt) appendChallenge(dst []byte, stale bool) []byte {
	id := digest.NonceID(a.d.Unix, a.mark())
	a.text = a.g.keys.AppendNonce(a.text[:0], id, a.domain.realm, a.source())
	return digest.AppendChallenge(dst, a.proxy(), a.domain.realm, a.rules.algorithms, a.text, stale)
}

// markBits are those of a nonce's number that its time leaves free.
const markBits = 20

// mark is in the number of a nonce for an address-of-record, in the place of chance: a
// response says nothing of whose bindings it is to change, so that what was seen of one
// could be used for another of the same user's (see location.Proof).
func (a *attempt) mark() uint32 {
	if len(a.aor) == 0 {
		return rand.Uint32() & (1<<markBits - 1) // of nobody in particular
	}
	return uint32(xxhash.Sum64(a.aor) >> (64 - markBits))
}

// isMarked reports whether a nonce was made for the address-of-record that a REGISTER is
// for.
func (a *attempt) isMarked(id uint64) bool {
	return a.proxy() || uint32(id&(1<<markBits-1)) == a.mark()
}

// source is what nonces are bound to.
func (a *attempt) source() netip.Addr {
	if !a.rules.bindSource {
		return netip.Addr{}
	}
	return a.d.From.Remote.Addr().Unmap()
}

// replayed is routing.Checks.Replayed: the credentials were right, and have been used
// before. Whoever has them, and the password, does the same again with the new nonce.
func (g *Gate) replayed(m *wire.Message, d *routing.Decision) {
	r := g.rules.Load()
	domain := (*domain)(nil)
	if r != nil {
		domain = r.domainOf(d.AOR)
	}
	if domain == nil { // reconfigured meanwhile
		d.Reject(503, "Service Unavailable", "replayed", nil)
		return
	}
	a := g.attempts.Get().(*attempt)
	a.rules, a.m, a.d, a.domain, a.aor = r, m, d, domain, append(a.aor[:0], d.AOR...)
	a.challenge(resultReplayed, true)
	a.release()
}
