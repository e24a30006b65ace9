package transport

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
)

// Stack is a process's Layers, one a transport, as one Layer. So far there is
// UDP.
type Stack struct {
	layers [flow.Transports]Layer
	udp    *UDP
}

// Listen binds the sockets. Nothing is read until Serve.
func Listen(c UDPConfig) (*Stack, error) {
	udp, err := ListenUDP(c)
	if err != nil {
		return nil, err
	}
	s := &Stack{udp: udp}
	s.layers[flow.UDP] = udp
	return s, nil
}

// Serve begins to give h what comes. It returns at once; call it once.
func (s *Stack) Serve(h Handler) { s.udp.Serve(h) }

// Send implements Layer.
func (s *Stack) Send(f flow.Flow, data []byte) error {
	if layer := s.layer(f.Transport); layer != nil {
		return layer.Send(f, data)
	}
	return ErrNoTransport
}

// Open implements Layer.
func (s *Stack) Open(to Destination, opened func(flow.Flow, error)) {
	if layer := s.layer(to.Transport); layer != nil {
		layer.Open(to, opened)
		return
	}
	opened(flow.Flow{}, ErrNoTransport)
}

// layer is that of a transport, nil if it is not served.
func (s *Stack) layer(t flow.Transport) Layer {
	if !t.Known() {
		return nil
	}
	return s.layers[t]
}

// Address is where UDP listens.
func (s *Stack) Address() netip.AddrPort { return s.udp.Address() }

// Stats sums the counts of UDP.
func (s *Stack) Stats() Stats { return s.udp.Stats() }

// Close closes the sockets and waits until every loop has ended. It must not be
// called by a Handler.
func (s *Stack) Close() error { return s.udp.Close() }
