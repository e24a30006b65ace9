package transport

import (
	"bytes"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
)

// Bounds on what waits for the connection to the application to be opened.
const (
	maxLocalWaiting      = 1024
	maxLocalWaitingBytes = 4 << 20
)

// localTCP is a localLayer of connections: one that is opened to the application when
// there is something to send and none open, and those that the application opens. What
// came over one of those is answered over it as long as it is there.
type localTCP struct {
	streams *streams
	host    netip.Addr
	port    uint16 // the application's
	handler Handler
	self    uint32
	serving atomic.Bool // what another member sends may be earlier than serve: it is lost

	mu      sync.Mutex
	open    map[uint16]flow.Flow // by the port of the far end
	waiting [][]byte             // in order, for the connection that is being opened
	bytes   int
	opening bool
}

func listenLocalTCP(c *LocalConfig) (*localTCP, error) {
	s, err := listenStreams(&ListenConfig{
		Streams: []StreamConfig{{Transport: flow.TCP, Address: c.Address}},
		Trusted: func(netip.Addr) bool { return true },
	})
	if err != nil {
		return nil, err
	}
	return &localTCP{streams: s, host: plain(c.Address).Addr(), port: c.Application, open: map[uint16]flow.Flow{}}, nil
}

func (l *localTCP) serve(h Handler, self Holder) {
	l.handler, l.self = h, self.Owner
	l.streams.serve(l, self)
	l.serving.Store(true)
}

// Message implements Handler for the connections.
func (l *localTCP) Message(f flow.Flow, data []byte) {
	port := f.Remote.Port()
	if !f.Remote.Addr().Unmap().IsLoopback() {
		return
	}
	l.mu.Lock()
	l.open[port] = f
	l.mu.Unlock()
	l.handler.Message(flow.ToLocal(l.self, port), data)
}

// Closed implements Handler for the connections. Nobody is told: what is sent next opens
// another one, and is told then if that cannot be.
func (l *localTCP) Closed(f flow.Flow, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[f.Remote.Port()].Conn == f.Conn {
		delete(l.open, f.Remote.Port())
	}
}

// Send implements Layer. What the application refuses by refusing the connection is told
// as a Refused of UDP is.
func (l *localTCP) Send(f flow.Flow, data []byte) error {
	switch {
	case !l.serving.Load():
		return nil
	case f.Owner != l.self:
		return ErrGone
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, port := range [...]uint16{f.Remote.Port(), l.port} {
		if c, ok := l.open[port]; ok && l.streams.Send(c, data) == nil {
			return nil
		}
	}
	if len(l.waiting) >= maxLocalWaiting || l.bytes+len(data) > maxLocalWaitingBytes {
		return nil // lost, as a datagram is
	}
	l.waiting, l.bytes = append(l.waiting, bytes.Clone(data)), l.bytes+len(data)
	if !l.opening {
		l.opening = l.streams.spawn(l.connect) // whoever sends may hold a lock that Closed takes
	}
	return nil
}

// Answer implements Layer.
func (l *localTCP) Answer(f flow.Flow, data []byte) { _ = l.Send(f, data) }

// connect opens the connection to the application.
func (l *localTCP) connect() {
	l.streams.Open(Destination{Transport: flow.TCP, Addr: netip.AddrPortFrom(l.host, l.port)}, l.connected)
}

// connected sends what has waited, or tells that it could not be.
func (l *localTCP) connected(c flow.Flow, err error) {
	l.mu.Lock()
	list := l.waiting
	l.waiting, l.bytes, l.opening = nil, 0, false
	if err == nil {
		l.open[l.port] = c
		for _, data := range list {
			_ = l.streams.Send(c, data)
		}
	}
	l.mu.Unlock()
	if err == nil {
		return
	}
	for _, data := range list {
		l.handler.Closed(flow.ToLocal(l.self, l.port), &Refused{Quote: data[:min(len(data), MaxRefusal)]})
	}
}

// Open implements Layer: no Local flow is made of an address.
func (l *localTCP) Open(_ Destination, opened func(flow.Flow, error)) {
	opened(flow.Flow{}, ErrNoRoute)
}

func (l *localTCP) close() error            { return l.streams.close() }
func (l *localTCP) address() netip.AddrPort { return l.streams.listeners[0].address }
