package auth

import (
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// attempt is what one request tries, with the room that it takes to judge it. It is
// used again.
type attempt struct {
	g      *Gate
	rules  *rules
	tables *routing.Tables
	m      *wire.Message
	d      *routing.Decision
	asked  bool // the source of credentials has been

	domain     *domain // whose realm counts
	aor        []byte  // that the sender claims: canonical, empty for none of ours
	username   []byte  // of response, without escapes
	text       []byte
	response   digest.Response
	nonce      uint64
	trier      trier
	query      credentials.Query
	credential credentials.Credential
	verifier   digest.Verifier
}

func newAttempt(g *Gate) *attempt { return &attempt{g: g} }

// release gives the attempt back. Nothing in it refers to the request any more.
func (a *attempt) release() {
	a.rules, a.tables, a.m, a.d, a.domain = nil, nil, nil, nil, nil
	a.response, a.query, a.credential = digest.Response{}, credentials.Query{}, credentials.Credential{}
	a.g.attempts.Put(a)
}

// decide says what becomes of the request.
func (a *attempt) decide() routing.Verdict {
	source := a.trust()
	a.strip(source != nil)
	method := a.m.Method()
	switch end, dialog := a.d.WithinDialog(); {
	case method == wire.MethodAck || method == wire.MethodCancel:
		a.d.Doubtful = !dialog && source == nil && a.hasToProve()
		return routing.Next
	case dialog && a.isFrom(end), !dialog && method != wire.MethodRegister && a.d.ForProxy():
		return routing.Next
	case source != nil:
		return a.decideTrusted(source)
	case method == wire.MethodRegister:
		return a.decideRegister()
	}
	return a.decideCall()
}

// isFrom reports whether what is within a dialog that was let in before comes from where
// the dialog has its sender. What ends the dialog may come from elsewhere: a phone that
// has moved could not hang up otherwise, and who sees the dialog's token can send from
// the phone's address as well.
func (a *attempt) isFrom(end flow.Flow) bool {
	from := a.d.From
	if end.Transport == flow.Local || from.Transport == flow.Local {
		return a.d.EndsOnly() || end.Transport == from.Transport && end.Owner == from.Owner
	}
	return a.d.EndsOnly() || end.IsValid() && end.Remote.Addr().Unmap() == from.Remote.Addr().Unmap()
}

// decideRegister asks whoever registers (RFC 3261 10.3 steps 3 and 4). Whose
// address-of-record it is that counts, not who does it: From may be another's (10.2).
// Where there is none of ours the registrar says so.
func (a *attempt) decideRegister() routing.Verdict {
	aor, ok := a.d.Registered()
	if a.aor = append(a.aor[:0], aor...); !ok || !a.isOfADomain() {
		return routing.Next
	}
	if a.domain.open {
		a.d.Identity = append(a.d.Identity[:0], a.aor...)
		return a.pass(resultOpen)
	}
	return a.authenticate()
}

// decideCall asks whoever calls, or sends another request that is not within a dialog
// (RFC 3261 16.3 step 6, 22.3). Whoever claims to be a user here proves it. So does who
// asks for privacy, and whoever is outside as the configuration says.
func (a *attempt) decideCall() routing.Verdict {
	from, err := a.m.From()
	if err == nil && a.claim(from.URI) && !a.domain.open {
		return a.authenticate()
	}
	if err == nil && a.isOfAClosedDomain(from.URI) {
		return a.refuse("From Is Nobody's Address-Of-Record", "nobody")
	}
	return a.decideOutside(from.URI)
}

// hasToProve reports whether a request like this one would have to prove who it is from,
// if it could be asked to, or be refused. Identity is then whom it claims to be from.
func (a *attempt) hasToProve() bool {
	from, err := a.m.From()
	if err == nil && a.claim(from.URI) && !a.domain.open {
		a.d.Identity = append(a.d.Identity[:0], a.aor...)
		return true
	}
	return err == nil && a.isOfAClosedDomain(from.URI) || !a.callee().letsIn()
}

// decideOutside asks, or not, who calls and claims to be no user that has to prove it: of
// no domain here, or of one that is open, where anybody may say to be anyone. from is
// nil if it cannot be read.
func (a *attempt) decideOutside(from []byte) routing.Verdict {
	result := resultOutside
	if a.domain == nil {
		a.identify(from)
	} else {
		a.d.Identity, result = append(a.d.Identity[:0], a.aor...), resultOpen
	}
	a.domain = a.callee()
	a.aor = a.aor[:0]
	letIn := a.domain.letsIn()
	switch {
	case isAnonymous(from) && (!letIn || a.m.Has(wire.HeaderProxyAuthorization)):
		return a.authenticate()
	case letIn:
		return a.pass(result)
	case a.domain.outside == config.OutsideChallenge:
		return a.authenticate()
	}
	return a.refuse("Calls From Outside Are Not Let In", "outside")
}

// claim takes a URI for who the sender says to be, and reports whether that is an
// address-of-record served here.
func (a *attempt) claim(text []byte) bool {
	uri, err := wire.ParseURI(text)
	if err != nil {
		return false
	}
	aor, ok := a.tables.AppendAOR(a.aor[:0], &uri)
	if !ok {
		return false
	}
	a.aor = aor
	return a.isOfADomain()
}

// isOfADomain has the domain of the claimed address-of-record count, if that has rules.
func (a *attempt) isOfADomain() bool {
	a.domain = a.rules.domainOf(a.aor)
	return a.domain != nil
}

// isOfAClosedDomain reports whether a URI that is no address-of-record is of a domain
// here all the same, whose users have to prove who they are.
func (a *attempt) isOfAClosedDomain(text []byte) bool {
	uri, err := wire.ParseURI(text)
	if err != nil || uri.Scheme == wire.SchemeTel {
		return false
	}
	d := a.rules.domainNamed(uri.Host)
	return d != nil && !d.open
}

// callee is the domain of the user that a request goes to. Where that is for the bindings
// to say, or none of ours, it is the one that lets in the fewest.
func (a *attempt) callee() *domain {
	if aor, ok := a.tables.AppendAOR(a.aor[:0], a.d.Target()); ok {
		a.aor = aor
		if d := a.rules.domainOf(aor); d != nil {
			return d
		}
	}
	return a.rules.closed
}

// isAnonymous reports whether a From is that of a phone that asks for privacy (RFC 3323
// 4.1.1.3): then its credentials alone say who it is.
func isAnonymous(text []byte) bool {
	uri, err := wire.ParseURI(text)
	return err == nil && isAnonymousHost(uri.Host)
}

// pass lets the request in.
func (a *attempt) pass(r result) routing.Verdict {
	a.g.metrics.count(r)
	return routing.Next
}

// refuse answers 403: no credentials would help (RFC 3261 21.4.4).
func (a *attempt) refuse(reason, why string) routing.Verdict {
	a.g.metrics.count(resultForbidden)
	return a.d.Reject(403, reason, why, nil)
}

func isAnonymousHost(host []byte) bool {
	var form [64]byte
	return len(host) < 32 && string(wire.CanonicalHost(form[:0], host)) == "anonymous.invalid"
}
