package auth

import (
	"net/netip"

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
	a.text = a.g.keys.AppendNonce(a.text[:0], a.newNonce(), a.domain.realm, a.source())
	return digest.AppendChallenge(dst, a.proxy(), a.domain.realm, a.rules.algorithms, a.text, stale)
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
	domain, aor := (*domain)(nil), d.AOR
	if m.Method() != wire.MethodRegister {
		aor = d.Account
	}
	if r != nil {
		domain = r.domainOf(aor)
	}
	if domain == nil { // reconfigured meanwhile
		d.Reject(503, "Service Unavailable", "replayed", nil)
		return
	}
	a := g.attempts.Get().(*attempt)
	a.rules, a.m, a.d, a.domain, a.aor = r, m, d, domain, append(a.aor[:0], aor...)
	a.challenge(resultReplayed, true)
	a.release()
}
