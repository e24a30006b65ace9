package transport

import (
	"errors"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
)

// families is UDP at an address of each family, as one Layer: the family of the
// far end says which. A Socket is that of its family's UDP.
type families struct {
	four, six *UDP
}

// listenFamilies binds the sockets of both.
func listenFamilies(a, b UDPConfig) (*families, error) {
	if isSix(a.Address.Addr()) == isSix(b.Address.Addr()) {
		return nil, errors.New("two addresses of one family")
	}
	if isSix(a.Address.Addr()) {
		a, b = b, a
	}
	four, err := ListenUDP(a)
	if err != nil {
		return nil, err
	}
	six, err := ListenUDP(b)
	if err != nil {
		return nil, errors.Join(err, four.Close())
	}
	return &families{four, six}, nil
}

func isSix(a netip.Addr) bool { return a.Unmap().Is6() }

// of is the UDP that reaches an address.
func (l *families) of(a netip.Addr) *UDP {
	if isSix(a) {
		return l.six
	}
	return l.four
}

// Send implements Layer.
func (l *families) Send(f flow.Flow, data []byte) error { return l.of(f.Remote.Addr()).Send(f, data) }

// Open implements Layer.
func (l *families) Open(to Destination, opened func(flow.Flow, error)) {
	l.of(to.Addr.Addr()).Open(to, opened)
}
