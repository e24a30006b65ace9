package transport

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/flow"
)

// Stack is a process's Layers, one a transport, as one Layer. So far there is
// UDP.
type Stack struct {
	layers [flow.Transports]Layer
	udp    []*UDP // of all listeners; the first one's address is the Stack's
}

// Listen binds the sockets: of each listener one address, or one of each family.
// Nothing is read until Serve.
func Listen(first UDPConfig, further ...UDPConfig) (*Stack, error) {
	s := &Stack{}
	var all listeners
	for _, c := range append([]UDPConfig{first}, further...) {
		udp, err := ListenUDP(c)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.udp = append(s.udp, udp)
		if all, err = all.add(c.Listener, udp); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	s.layers[flow.UDP] = all
	return s, nil
}

// Serve begins to give h what comes. It returns at once; call it once.
func (s *Stack) Serve(h Handler) {
	for _, u := range s.udp {
		u.Serve(h)
	}
}

// Send implements Layer.
func (s *Stack) Send(f flow.Flow, data []byte) error {
	if layer := s.layer(f.Transport); layer != nil {
		return layer.Send(f, data)
	}
	return ErrNoTransport
}

// Answer implements Layer.
func (s *Stack) Answer(f flow.Flow, data []byte) {
	if layer := s.layer(f.Transport); layer != nil {
		layer.Answer(f, data)
	}
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

// Address is where UDP listens, the first where there are several.
func (s *Stack) Address() netip.AddrPort { return s.udp[0].Address() }

// Addresses are all at which UDP listens.
func (s *Stack) Addresses() []netip.AddrPort {
	var addresses []netip.AddrPort
	for _, u := range s.udp {
		addresses = append(addresses, u.Address())
	}
	return addresses
}

// Reaches reports whether UDP has sockets of the address's family.
func (s *Stack) Reaches(a netip.Addr) bool {
	return slices.ContainsFunc(s.udp, func(u *UDP) bool { return isSix(u.Address().Addr()) == isSix(a) })
}

// Stats sums the counts of UDP.
func (s *Stack) Stats() Stats {
	var sum Stats
	for _, u := range s.udp {
		one := u.Stats()
		sum.Received += one.Received
		sum.ReceivedBytes += one.ReceivedBytes
		sum.Sent += one.Sent
		sum.SentBytes += one.SentBytes
		sum.ReadErrors += one.ReadErrors
		sum.SendErrors += one.SendErrors
		sum.KernelDrops += one.KernelDrops
	}
	return sum
}

// Close closes the sockets and waits until every loop has ended. It must not be
// called by a Handler.
func (s *Stack) Close() error {
	var err error
	for _, u := range s.udp {
		err = errors.Join(err, u.Close())
	}
	return err
}
