package auth

import (
	"cmp"
	"net/netip"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/wire"
)

// rules are what a configuration says. Immutable.
type rules struct {
	store      credentials.Store
	algorithms []digest.Algorithm
	nonceLife  int64 // milliseconds
	bindSource bool
	domains    map[string]*domain // served ones, canonical
	closed     *domain            // the first of those that let in the fewest
	trusted    trusted
	trusts     func(netip.Addr) bool // trusted.has
	assert     bool
	calls      *calls
	inSetup    int            // calls of a user that are; 0: without bound
	crowds     []netip.Prefix // sources that are many: no limit is for one of them as a whole
}

// domain is the rule of one.
type domain struct {
	name    []byte // canonical
	realm   []byte
	open    bool
	outside string  // what becomes of calls to its users from outside
	first   *domain // the first one of the realm
}

// letsIn reports whether anybody may call its users.
func (d *domain) letsIn() bool { return d.open || d.outside == config.OutsideAllow }

// strictness orders domains by whom they let in, that which lets in the fewest last.
func (d *domain) strictness() int {
	switch {
	case d.letsIn():
		return 0
	case d.outside == config.OutsideChallenge:
		return 1
	}
	return 2
}

func newRules(c *config.Config, store credentials.Store) (*rules, error) {
	a := c.Authentication
	r := &rules{
		store: store, nonceLife: int64(a.Digest.NonceSeconds) * 1000, bindSource: a.Digest.BindSource,
		domains: map[string]*domain{}, assert: a.AssertIdentity, calls: newCalls(a.Calls.PerMinute), inSetup: a.Calls.InSetup,
	}
	for _, name := range a.Digest.Algorithms {
		if algorithm, ok := digest.ParseAlgorithm([]byte(name)); ok {
			r.algorithms = append(r.algorithms, algorithm)
		}
	}
	for _, name := range c.Domains {
		form := wire.CanonicalHost(nil, []byte(name))
		d := &domain{name: form, realm: form, outside: a.Outside}
		r.domains[string(form)] = d
		if r.closed == nil {
			r.closed = d
		}
	}
	for _, own := range a.Domains {
		d := r.domainNamed([]byte(own.Domain))
		if d == nil {
			continue // Validate has none
		}
		if d.open = bool(own.Open); own.Realm != "" {
			d.realm = []byte(own.Realm)
		}
		d.outside = cmp.Or(own.Outside, d.outside)
	}
	realms := map[string]*domain{}
	for _, name := range c.Domains {
		d := r.domainNamed([]byte(name))
		if d.strictness() > r.closed.strictness() {
			r.closed = d
		}
		if realms[string(d.realm)] == nil {
			realms[string(d.realm)] = d
		}
		d.first = realms[string(d.realm)]
	}
	var err error
	r.trusted, err = newTrusted(a.Trusted)
	if err != nil {
		return nil, err
	}
	r.trusts = r.trusted.has
	r.crowds, err = c.Limits.TrustedPrefixes()
	return r, err
}

// offers reports whether an algorithm may be used, with or without -sess.
func (r *rules) offers(a digest.Algorithm) bool {
	for _, offered := range r.algorithms {
		if a.Base() == offered {
			return true
		}
	}
	return false
}

// isCrowd reports whether many send from an address, as the configuration of limits says.
func (r *rules) isCrowd(source netip.Addr) bool {
	source = source.Unmap()
	for _, p := range r.crowds {
		if p.Contains(source) {
			return true
		}
	}
	return false
}

// ours reports whether a realm is that of a domain served here.
func (r *rules) ours(realm []byte) bool {
	for _, d := range r.domains {
		if string(d.realm) == string(realm) {
			return true
		}
	}
	return false
}

// domainNamed is the rule of the domain that a host names, nil if that is not served.
func (r *rules) domainNamed(host []byte) *domain {
	var form [280]byte
	if len(host) >= len(form)-16 {
		return nil
	}
	return r.domains[string(wire.CanonicalHost(form[:0], host))]
}

// domainOf is the rule of the domain of a canonical address-of-record, nil if that is
// not served.
func (r *rules) domainOf(aor []byte) *domain {
	_, host := splitAOR(aor)
	host, _ = cutPort(host)
	return r.domains[string(host)]
}
