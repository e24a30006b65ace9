package transport

import (
	"errors"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
)

// listeners are UDP at every listener of the cluster, as one Layer: the flow says
// which, and the family of its far end which of the listener's addresses. What names
// none that is here, as when it has gone, is the first one's. A Socket is that of
// the address's UDP.
type listeners []listenerUDP

// listenerUDP is UDP at an address of each family, or of one.
type listenerUDP struct {
	number    uint16
	four, six *UDP
}

func isSix(a netip.Addr) bool { return a.Unmap().Is6() }

// add takes another address of a listener.
func (l listeners) add(number uint16, u *UDP) (listeners, error) {
	at := len(l)
	for i := range l {
		if l[i].number == number {
			at = i
		}
	}
	if at == len(l) {
		l = append(l, listenerUDP{number: number})
	}
	place := &l[at].four
	if isSix(u.Address().Addr()) {
		place = &l[at].six
	}
	if *place != nil {
		return l, errors.New("two addresses of one family for one listener")
	}
	*place = u
	return l, nil
}

// of is the UDP of a listener that reaches an address; one of the other family, which
// says so, where there is none.
func (l listeners) of(number uint16, a netip.Addr) *UDP {
	at := &l[0]
	for i := range l {
		if l[i].number == number {
			at = &l[i]
			break
		}
	}
	if at.four == nil || at.six != nil && isSix(a) {
		return at.six
	}
	return at.four
}

// Send implements Layer.
func (l listeners) Send(f flow.Flow, data []byte) error {
	return l.of(f.Listener, f.Remote.Addr()).Send(f, data)
}

// Answer implements Layer.
func (l listeners) Answer(f flow.Flow, data []byte) {
	l.of(f.Listener, f.Remote.Addr()).Answer(f, data)
}

// Open implements Layer.
func (l listeners) Open(to Destination, opened func(flow.Flow, error)) {
	l.of(to.Listener, to.Addr.Addr()).Open(to, opened)
}
