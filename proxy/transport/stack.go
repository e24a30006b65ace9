package transport

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
)

// Stack is a process's Layers as one Layer: UDP, and connections.
type Stack struct {
	layers  [flow.Transports]Layer
	udp     []*UDP // of all listeners
	streams *streams
	local   localLayer // nil: there is no application
}

// Listen binds the sockets: of each listener of UDP one address, or one of each
// family. Nothing is read until Serve.
func Listen(c ListenConfig) (*Stack, error) {
	streams, err := listenStreams(&c)
	if err != nil {
		return nil, err
	}
	s := &Stack{streams: streams}
	for _, l := range streams.listeners {
		s.layers[l.transport] = streams
	}
	var all listeners
	for _, u := range c.UDP {
		udp, err := ListenUDP(u)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.udp = append(s.udp, udp)
		if all, err = all.add(u.Listener, udp); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	if len(all) > 0 {
		s.layers[flow.UDP] = all
	}
	if len(s.Addresses()) == 0 {
		return nil, errors.New("nothing to listen on")
	}
	if c.Local != nil {
		if s.local, err = listenLocal(c.Local); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.layers[flow.Local] = s.local
	}
	return s, nil
}

// Serve begins to give h what comes. It returns at once; call it once.
func (s *Stack) Serve(h Handler, self Holder) {
	s.streams.serve(h, self) // first: what a datagram brings may open a connection
	for _, u := range s.udp {
		u.Serve(h)
	}
	if s.local != nil {
		s.local.serve(h, self)
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

// Serves reports whether there is a listener of a transport.
func (s *Stack) Serves(t flow.Transport) bool { return s.layer(t) != nil }

// Alive reports whether a flow is a connection of this process, in this life of it,
// that is open.
func (s *Stack) Alive(f flow.Flow) bool { return s.streams.of(f) != nil }

// Disconnect ends a connection when what is queued is written.
func (s *Stack) Disconnect(f flow.Flow) {
	if c := s.streams.of(f); c != nil {
		c.leave(closedOnPurpose)
	}
}

// Probe has TCP find out whether the far end of a connection is still there, in some 2 s:
// there is reason to doubt it. If it is not, the connection is over.
func (s *Stack) Probe(f flow.Flow) {
	if c := s.streams.of(f); c != nil {
		c.probe()
	}
}

// Keep says that a connection is somebody's, as of a phone that is registered over it:
// it makes room for others after those that are nobody's, and of those that are
// somebody's the one that was kept last does so last, to the second.
func (s *Stack) Keep(f flow.Flow) {
	if c := s.streams.of(f); c != nil {
		c.keep()
	}
}

// Expect says that somebody is waited for who is to come back from a source, within some
// 10 s: of those who begin a connection over TLS, and have to wait for their turn, the ones from
// there go first.
func (s *Stack) Expect(source netip.Addr) { s.streams.turns.expect(limit.Source(source)) }

// Expects reports whether somebody is waited for who is to come back from a source.
func (s *Stack) Expects(source netip.Addr) bool { return s.streams.turns.expects(limit.Source(source)) }

// Idle ends up to n connections, those first from which no message came for longest,
// and returns how many. Phones that come back are another member's, where this one is
// not to have new ones.
func (s *Stack) Idle(n int) (closed int) { return s.streams.idle(n) }

// Address is the first of Addresses.
func (s *Stack) Address() netip.AddrPort { return s.Addresses()[0] }

// Addresses are all at which UDP listens, and then the others, once each.
func (s *Stack) Addresses() []netip.AddrPort {
	var addresses []netip.AddrPort
	for _, u := range s.udp {
		addresses = append(addresses, u.Address())
	}
	for _, l := range s.streams.listeners {
		if !slices.Contains(addresses, l.address) {
			addresses = append(addresses, l.address)
		}
	}
	return addresses
}

// AddressOf is where a listener of a transport listens, or the first one of it if the
// number is of none.
func (s *Stack) AddressOf(t flow.Transport, listener uint16) netip.AddrPort {
	if l := s.streams.listenerOf(t, listener); l != nil {
		return l.address
	}
	for _, u := range s.udp {
		if t == flow.UDP && u.listener == listener {
			return u.Address()
		}
	}
	if t == flow.UDP && len(s.udp) > 0 {
		return s.udp[0].Address()
	}
	return netip.AddrPort{}
}

// LocalAddress is where the application in this pod sends to; the zero value if there is
// none.
func (s *Stack) LocalAddress() netip.AddrPort {
	if s.local == nil {
		return netip.AddrPort{}
	}
	return s.local.address()
}

// Reaches reports whether there are sockets of the address's family.
func (s *Stack) Reaches(a netip.Addr) bool {
	return slices.ContainsFunc(s.Addresses(), func(own netip.AddrPort) bool { return isSix(own.Addr()) == isSix(a) })
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

// Metrics are those of connections, as Stats are of UDP.
func (s *Stack) Metrics() prometheus.Collector { return s.streams.metrics }

// Close closes the sockets and waits until every loop has ended. It must not be
// called by a Handler.
func (s *Stack) Close() error {
	err := s.streams.close()
	if s.local != nil {
		err = errors.Join(err, s.local.close())
	}
	for _, u := range s.udp {
		err = errors.Join(err, u.Close())
	}
	return err
}
