package forward

import (
	"bytes"

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
}

// same reports whether both are one address to the far end.
func (p *place) same(o *place) bool { return p == o || bytes.Equal(p.routeTail, o.routeTail) }

var routeHead = []byte("<sip:")

// NewNames makes the Names of a cluster with these listeners.
func NewNames(keys *token.Keys, listeners []routing.Listener) *Names {
	n := &Names{keys: keys}
	for _, l := range listeners {
		n.places = append(n.places, place{
			listener:  l.Number,
			via:       []byte("SIP/2.0/UDP " + l.SentBy + ";branch="),
			routeTail: []byte("@" + l.SentBy + ";lr>"),
		})
	}
	return n
}

// of is the place of a flow's listener: the first one, if it is not here.
func (n *Names) of(listener uint16) *place {
	for i := range n.places {
		if n.places[i].listener == listener {
			return &n.places[i]
		}
	}
	return &n.places[0]
}
