package auth

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// trusted are sources that nobody challenges, the longest prefix first.
type trusted []trustedSource

type trustedSource struct {
	prefix netip.Prefix
	any    bool // it may speak for anybody
}

func newTrusted(list []config.TrustedSource) (trusted, error) {
	var t trusted
	for i := range list {
		p, err := list[i].Parse()
		if err != nil {
			return nil, err
		}
		t = append(t, trustedSource{prefix: p, any: list[i].Identity == config.IdentityAny})
	}
	slices.SortFunc(t, func(a, b trustedSource) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	return t, nil
}

// find is the rule of a source, nil if it is not trusted.
func (t trusted) find(source netip.Addr) *trustedSource {
	source = source.Unmap().WithZone("")
	for i := range t {
		if t[i].prefix.Contains(source) {
			return &t[i]
		}
	}
	return nil
}

// has reports whether a source is trusted.
func (t trusted) has(source netip.Addr) bool { return t.find(source) != nil }

// application is the rule of the application beside the proxy: it is of the pod, and says
// who calls by it.
var application = trustedSource{any: true}

// trust is the rule of where the request comes from, nil if that is not trusted.
func (a *attempt) trust() *trustedSource {
	if a.d.From.Transport == flow.Local {
		return &application
	}
	return a.rules.trusted.find(a.d.From.Remote.Addr())
}

// decideTrusted lets in what comes from a trusted source. One that speaks for whoever is
// outside alone is refused what claims to be of a user here: by From, by
// P-Asserted-Identity or Remote-Party-ID, or because it is a REGISTER.
func (a *attempt) decideTrusted(source *trustedSource) routing.Verdict {
	if source.any {
		a.believe()
		return a.pass(resultTrusted)
	}
	if a.m.Method() == wire.MethodRegister || a.speaksForUs() {
		return a.refuse("Identity Is Not Of This Source", "trusted_identity")
	}
	a.believe()
	return a.pass(resultTrusted)
}

// speaksForUs reports whether From or an asserted identity is of a domain served here. A
// telephone number is not, as numbers are of no domain.
func (a *attempt) speaksForUs() bool {
	if from, err := a.m.From(); err == nil && a.isOfUs(from.URI) {
		return true
	}
	for _, header := range [...]wire.HeaderID{wire.HeaderPAssertedIdentity, wire.HeaderRemotePartyID} {
		for v := range a.m.Values(header) {
			if name, err := wire.ParseNameAddr(v); err == nil && a.isOfUs(name.URI) {
				return true
			}
		}
	}
	return false
}

func (a *attempt) isOfUs(text []byte) bool {
	uri, err := wire.ParseURI(text)
	return err == nil && uri.Scheme != wire.SchemeTel && a.tables.Serves(uri.Host)
}

// believe takes the identity that a trusted source gives (RFC 3325 9.1), else From.
func (a *attempt) believe() {
	for v := range a.m.Values(wire.HeaderPAssertedIdentity) {
		if name, err := wire.ParseNameAddr(v); err == nil && a.identify(name.URI) {
			return
		}
	}
	if from, err := a.m.From(); err == nil {
		a.identify(from.URI)
	}
}

// identify has a URI be the identity, and reports whether it can be one.
func (a *attempt) identify(text []byte) bool {
	uri, err := wire.ParseURI(text)
	if err != nil || uri.Scheme == wire.SchemeOther {
		return false
	}
	a.d.Identity = wire.CanonicalAOR(a.d.Identity[:0], uri)
	return true
}
