package forward

import (
	"bytes"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
)

// Names are what a proxy writes of itself into what leaves. Immutable.
type Names struct {
	keys   *token.Keys
	places []place // of listeners, at least one
}

// place is how what leaves by a listener names it. A Via is via, the branch and
// parameters; a Record-Route is routeHead, a token and routeTail.
type place struct {
	listener       uint16
	via, routeTail []byte
	// second is for far ends of IPv6, if six, or else of IPv4: it names the
	// cluster's address of that family. Nil where this place is for all.
	second *place
	six    bool
}

// same reports whether both are one address to the far end.
func (p *place) same(o *place) bool { return p == o || bytes.Equal(p.routeTail, o.routeTail) }

var routeHead = []byte("<sip:")

// NewNames makes the Names of a cluster with these listeners.
func NewNames(keys *token.Keys, listeners []routing.Listener) *Names {
	n := &Names{keys: keys}
	for _, l := range listeners {
		p := newPlace(l.Number, l.SentBy)
		if at, err := netip.ParseAddrPort(l.Second); err == nil {
			second := newPlace(l.Number, l.Second)
			p.second, p.six = &second, at.Addr().Is6()
		}
		n.places = append(n.places, p)
	}
	return n
}

func newPlace(listener uint16, sentBy string) place {
	return place{listener: listener, via: []byte("SIP/2.0/UDP " + sentBy + ";branch="), routeTail: []byte("@" + sentBy + ";lr>")}
}

// of is the place of a flow's listener, the first one, if it is not here: as the far
// end can reach it, by the address of its own family.
func (n *Names) of(f flow.Flow) *place {
	p := &n.places[0]
	for i := range n.places {
		if n.places[i].listener == f.Listener {
			p = &n.places[i]
			break
		}
	}
	if p.second != nil && f.Remote.IsValid() && f.Remote.Addr().Unmap().Is6() == p.six {
		return p.second
	}
	return p
}
