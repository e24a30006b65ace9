package transport

import (
	"cmp"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// streams are the connections of this process over TCP, TLS, WS and WSS, as one Layer.
type streams struct {
	listeners []*streamListener
	dials     *dials
	handler   Handler
	self      Holder
	index     *index
	room      *room
	turns     *turns
	last      atomic.Uint64 // number of a connection
	began     time.Time

	metrics *streamMetrics

	goroutines sync.WaitGroup
	mu         sync.Mutex
	held       map[*conn]struct{}
	stopping   bool
}

func listenStreams(c *ListenConfig) (*streams, error) {
	s := &streams{dials: newDials(c.Dial, c.Verify), index: newIndex(), metrics: newStreamMetrics(), room: newRoom(largeRoom, largeShare), held: map[*conn]struct{}{}, began: time.Now()}
	s.turns = newTurns(runtime.GOMAXPROCS(0), s.now)
	trusted := c.Trusted
	if trusted == nil {
		trusted = func(netip.Addr) bool { return false }
	}
	for i := range c.Streams {
		l, err := listenStream(&c.Streams[i], trusted)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.listeners = append(s.listeners, l)
	}
	return s, nil
}

func (s *streams) serve(h Handler, self Holder) {
	s.handler, s.self = h, self
	for _, l := range s.listeners {
		s.goroutines.Go(func() { s.accept(l) })
	}
}

// now is a clock in milliseconds that does not fall.
func (s *streams) now() int64 { return time.Since(s.began).Milliseconds() }

// listenerOf is that of a number, or the first of the transport.
func (s *streams) listenerOf(t flow.Transport, number uint16) *streamListener {
	var first *streamListener
	for _, l := range s.listeners {
		switch {
		case l.transport != t:
		case l.listener == number:
			return l
		case first == nil:
			first = l
		}
	}
	return first
}

// hold takes a connection in that is to be ended when all are. It returns false when
// they have been.
func (s *streams) hold(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.held[c] = struct{}{}
	return true
}

// spawn starts a goroutine that ends when everything does. It returns false if that has
// begun.
func (s *streams) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.goroutines.Go(f)
	return true
}

// release forgets a connection, which is over.
func (s *streams) release(c *conn) {
	c.end(closedHandshake)
	c.out.giveBack()
	c.table.Remove(c)
	s.metrics.ended(closeReason(c.reason.Load()))
	s.mu.Lock()
	delete(s.held, c)
	s.mu.Unlock()
}

// of is the connection that a flow is, if it is of this process in this life and open.
func (s *streams) of(f flow.Flow) *conn {
	if f.Owner != s.self.Owner || f.Life != s.self.Life {
		return nil
	}
	c := s.index.of(f.Conn)
	if c == nil || c.flow.Transport != f.Transport || c.over() {
		return nil
	}
	return c
}

// Send implements Layer.
func (s *streams) Send(f flow.Flow, data []byte) error {
	if c := s.of(f); c != nil {
		return c.send(data)
	}
	return ErrGone
}

// Answer implements Layer: Send, whose fate nobody asks for.
func (s *streams) Answer(f flow.Flow, data []byte) { _ = s.Send(f, data) }

// idle ends up to n connections, those first from which no message came for longest.
func (s *streams) idle(n int) (closed int) {
	all := s.index.all(nil)
	slices.SortFunc(all, func(a, b *conn) int { return cmp.Compare(a.spoke.Load(), b.spoke.Load()) })
	for _, c := range all {
		if closed == n {
			break
		}
		if c.leave(closedDrained) {
			closed++
		}
	}
	return closed
}

// close ends everything, and waits until it has.
func (s *streams) close() error {
	var err error
	s.mu.Lock()
	first := !s.stopping
	s.stopping = true
	for c := range s.held {
		c.end(closedShutdown)
	}
	s.mu.Unlock()
	s.dials.cancel()
	if first {
		for _, l := range s.listeners {
			err = errors.Join(err, l.net.Close())
		}
	}
	s.goroutines.Wait()
	return err
}
