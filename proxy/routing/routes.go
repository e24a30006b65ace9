package routing

import (
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// whose says what a Route value or Request-URI is to us.
type whose uint8

const (
	foreign whose = iota
	ours          // names us, says nothing
	signed        // holds a token that verifies
	forged        // names us, and has a user part that is no token of this call
)

// maxOwnRoutes is the most Route values of ours on top of a request: a spiral
// through the cluster adds one with each pass. Every one costs a check of its
// signature.
const maxOwnRoutes = 16

// takeRoutes is RFC 3261 16.4. It counts the topmost Route values that are ours
// and reads the last token among them: of several the one nearest to where the
// request goes. Out of a dialog a Route of ours may have any user part: phones
// make one of their outbound proxy's setting. d.uri becomes the Request-URI to
// route by.
func takeRoutes(t *Tables, m *wire.Message, d *Decision) Verdict {
	strict := false
	if t.token(m, &d.uri, d) == nil {
		strict, d.signed = true, true
		d.RecordRoute = m.RequestURI()
	}
	if !m.Has(wire.HeaderRoute) {
		if strict { // a token is nobody's address
			return d.Reject(404, "Not Found", "token_as_target", nil)
		}
		return Next
	}
	var last []byte
	n := 0
	if strict { // the last value is no route but the Request-URI before
		for range m.Values(wire.HeaderRoute) {
			n++
		}
	}
	for v := range m.Values(wire.HeaderRoute) {
		route, err := wire.ParseNameAddr(v)
		if err != nil || route.Star {
			return d.Reject(400, "Malformed Route", "route", nil)
		}
		last = route.URI
		if n--; d.NextRoute != nil || n == 0 {
			continue
		}
		if t.take(m, &route, d); d.OwnRoutes > maxOwnRoutes {
			return d.Reject(400, "Too Many Routes To This Proxy", "own_routes", nil)
		}
	}
	if strict {
		return d.unstrict(last)
	}
	d.checkLoose()
	return Next
}

// take counts a Route value that is ours, or keeps it as the next hop.
func (t *Tables) take(m *wire.Message, route *wire.NameAddr, d *Decision) {
	switch t.whose(m, route, d) {
	case signed:
		d.signed = true
		d.RecordRoute = route.URI
		d.OwnRoutes++
	case ours:
		d.OwnRoutes++
	case forged:
		d.forged = true
		d.OwnRoutes++
	case foreign:
		d.NextRoute = route.URI
	}
}

// unstrict undoes what a strict router did: the last Route value is the
// Request-URI again.
func (d *Decision) unstrict(last []byte) Verdict {
	u, err := wire.ParseURI(last)
	if err != nil || u.Scheme == wire.SchemeOther {
		return d.Reject(400, "Malformed Route", "route", nil)
	}
	d.uri, d.RequestURI = u, last
	d.checkLoose()
	return Next
}

func (d *Decision) checkLoose() {
	if d.NextRoute == nil {
		return
	}
	if u, err := wire.ParseURI(d.NextRoute); err == nil {
		_, d.Loose = u.Param("lr")
	}
}

func (t *Tables) whose(m *wire.Message, route *wire.NameAddr, d *Decision) whose {
	u, err := wire.ParseURI(route.URI)
	if err != nil {
		return foreign
	}
	switch {
	case t.token(m, &u, d) == nil:
		return signed
	case !t.names(&u):
		return foreign
	case len(u.User) > 0:
		return forged
	}
	return ours
}

// token reads the token in a URI's user part into d.Token, which stays as it
// was if there is none that verifies.
func (t *Tables) token(m *wire.Message, u *wire.URI, d *Decision) error {
	if len(u.User) == 0 || u.Scheme != wire.SchemeSIP && u.Scheme != wire.SchemeSIPS {
		return token.ErrTruncated
	}
	free := &d.tokens[0]
	if d.Token == free {
		free = &d.tokens[1]
	}
	err := t.keys.ParseToken(u.User, m.CallID(), free)
	if err == nil {
		d.Token = free
	}
	return err
}
