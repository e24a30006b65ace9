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
	keys        *token.Keys
	places      []place              // of listeners, at least one, and the application's
	application *routing.Application // nil: there is none
}

// place is how what leaves by a listener names it. A Via is via, the branch and
// parameters; a Record-Route is a head, a token and a tail: those of sips for what asks
// for it.
type place struct {
	transport      flow.Transport
	listener       uint16
	via, routeTail []byte
	sipsTail       []byte
	// second is for far ends of IPv6, if six, or else of IPv4: it names the
	// cluster's address of that family. Nil where this place is for all.
	second *place
	six    bool
}

// same reports whether both are one address to the far end.
func (p *place) same(o *place) bool {
	return p == o || p.transport == o.transport && bytes.Equal(p.routeTail, o.routeTail)
}

var routeHead, sipsHead = []byte("<sip:"), []byte("<sips:")

// NewNames makes the Names of a cluster with the listeners and the application of tables.
func NewNames(keys *token.Keys, tables *routing.Tables) *Names {
	n := &Names{keys: keys, application: tables.Application()}
	for _, l := range tables.Listeners() {
		p := newPlace(l, l.SentBy)
		if at, err := netip.ParseAddrPort(l.Second); err == nil {
			second := newPlace(l, l.Second)
			p.second, p.six = &second, at.Addr().Is6()
		}
		n.places = append(n.places, p)
	}
	if a := n.application; a != nil {
		l := routing.Listener{SentBy: a.SentBy}
		if a.TCP {
			l.Transport = flow.TCP
		}
		p := newPlace(l, l.SentBy)
		p.transport = flow.Local
		n.places = append(n.places, p)
	}
	return n
}

// newPlace names a listener (RFC 3261 18.1.1, 16.6 step 4). The transport of a
// Record-Route is what the far end is to use, TLS being a part of that only without a
// SIPS URI (RFC 3261 26.2.2) and the same parameter with WebSocket (RFC 7118 5.2.2).
func newPlace(l routing.Listener, sentBy string) place {
	p := place{transport: l.Transport, listener: l.Number}
	p.via = []byte("SIP/2.0/" + l.Transport.String() + " " + sentBy + ";branch=")
	tail := "@" + sentBy
	p.sipsTail = []byte(tail + ";lr>")
	switch l.Transport {
	case flow.TCP:
		tail += ";transport=tcp"
	case flow.TLS:
		tail += ";transport=tls"
	case flow.WS, flow.WSS:
		tail += ";transport=ws"
		p.sipsTail = []byte(tail + ";lr>")
	}
	p.routeTail = []byte(tail + ";lr>")
	return p
}

// appendRoute appends a Record-Route value with a token.
func (p *place) appendRoute(dst, token []byte, sips bool) []byte {
	head, tail := p.route(sips)
	return append(append(append(dst, head...), token...), tail...)
}

// route is what is before and behind the user part of a Record-Route.
func (p *place) route(sips bool) (head, tail []byte) {
	if sips && p.transport.Secure() {
		return sipsHead, p.sipsTail
	}
	return routeHead, p.routeTail
}

// of is the place of a flow: of its transport and listener, else the first one of its
// transport, for the listener of a connection of another member is not known here, and
// one of UDP may be gone. It is named as the far end can reach it, by the address of its
// own family.
func (n *Names) of(f flow.Flow) *place {
	p := n.listener(f)
	if p.second != nil && f.Remote.IsValid() && f.Remote.Addr().Unmap().Is6() == p.six {
		return p.second
	}
	return p
}

func (n *Names) listener(f flow.Flow) *place {
	first := -1
	for i := range n.places {
		switch p := &n.places[i]; {
		case p.transport != f.Transport:
		case p.listener == f.Listener:
			return p
		case first < 0:
			first = i
		}
	}
	return &n.places[max(first, 0)]
}
