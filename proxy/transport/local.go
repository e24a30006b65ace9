package transport

import (
	"net/netip"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
)

// LocalConfig says where the application in this process's pod is met: what Local flows
// lead to. Nobody outside of the pod reaches the socket, nor is anybody else sent to.
type LocalConfig struct {
	// Address to bind, a loopback one. Port 0 takes a free one.
	Address netip.AddrPort
	// Application is the port at that address at which the application listens.
	Application uint16
	// TCP: not over UDP.
	TCP bool
}

// localLayer is the Layer of Local flows.
type localLayer interface {
	Layer
	serve(h Handler, self Holder)
	close() error
	address() netip.AddrPort
}

func listenLocal(c *LocalConfig) (localLayer, error) {
	if c.TCP {
		return listenLocalTCP(c)
	}
	udp, err := ListenUDP(UDPConfig{Address: c.Address, Loops: 1})
	if err != nil {
		return nil, err
	}
	return &localUDP{udp: udp, host: plain(c.Address).Addr()}, nil
}

// localUDP is a localLayer of one socket.
type localUDP struct {
	udp     *UDP
	host    netip.Addr
	handler Handler
	self    uint32
	serving atomic.Bool // what another member sends may be earlier than serve: it is lost
}

func (l *localUDP) serve(h Handler, self Holder) {
	l.handler, l.self = h, self.Owner
	l.serving.Store(true)
	l.udp.Serve(l)
}

// Message implements Handler for the socket.
func (l *localUDP) Message(f flow.Flow, data []byte) {
	if f.Remote.Addr().Unmap().IsLoopback() {
		l.handler.Message(flow.ToLocal(l.self, f.Remote.Port()), data)
	}
}

// Closed implements Handler for the socket.
func (l *localUDP) Closed(f flow.Flow, err error) {
	l.handler.Closed(flow.ToLocal(l.self, f.Remote.Port()), err)
}

// Send implements Layer.
func (l *localUDP) Send(f flow.Flow, data []byte) error {
	switch {
	case !l.serving.Load():
		return nil
	case f.Owner != l.self:
		return ErrGone
	}
	return l.udp.Send(l.inside(f), data)
}

// Answer implements Layer.
func (l *localUDP) Answer(f flow.Flow, data []byte) {
	if l.serving.Load() && f.Owner == l.self {
		l.udp.Answer(l.inside(f), data)
	}
}

// inside is a Local flow as the socket has it: the address is the pod's loopback,
// whichever a flow says.
func (l *localUDP) inside(f flow.Flow) flow.Flow {
	return flow.OverUDP(netip.AddrPortFrom(l.host, f.Remote.Port()))
}

// Open implements Layer: no Local flow is made of an address.
func (l *localUDP) Open(_ Destination, opened func(flow.Flow, error)) {
	opened(flow.Flow{}, ErrNoRoute)
}

func (l *localUDP) close() error            { return l.udp.Close() }
func (l *localUDP) address() netip.AddrPort { return l.udp.Address() }
