package server

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// maxTraces is how many traces there may be at a time.
const maxTraces = 2

// Trace is what somebody wants to see of one address-of-record.
type Trace struct {
	// AOR is canonical.
	AOR []byte
	// Message is called with every message that names it, as it came from the network
	// or leaves: concurrently, by who has work to do, so it must not wait. m is valid
	// during the call.
	Message func(in bool, local, remote netip.AddrPort, m *wire.Message)
}

// traces are those under way. While there is none that costs a message the load of a
// pointer.
type traces struct {
	list     atomic.Pointer[[]*Trace] // nil: none
	changing sync.Mutex
	messages sync.Pool // of those that leave
}

// Trace has t called until stop; false if there are as many traces as may be.
func (s *Server) Trace(t *Trace) (stop func(), ok bool) {
	var before []*Trace
	s.traces.changing.Lock()
	defer s.traces.changing.Unlock()
	if list := s.traces.list.Load(); list != nil {
		before = *list
	}
	if len(before) >= maxTraces {
		return nil, false
	}
	after := append(slices.Clone(before), t)
	s.traces.list.Store(&after)
	return sync.OnceFunc(func() { s.untrace(t) }), true
}

func (s *Server) untrace(t *Trace) {
	s.traces.changing.Lock()
	defer s.traces.changing.Unlock()
	after := slices.DeleteFunc(slices.Clone(*s.traces.list.Load()), func(o *Trace) bool { return o == t })
	if len(after) == 0 {
		s.traces.list.Store(nil)
		return
	}
	s.traces.list.Store(&after)
}

// show shows the traces a message that has come.
func (m *message) show() {
	if list := m.s.traces.list.Load(); list != nil {
		m.s.showTo(*list, true, m.from, &m.msg)
	}
}

// send sends a message, and shows it to the traces.
func (s *Server) send(to flow.Flow, data []byte) error {
	if list := s.traces.list.Load(); list != nil {
		s.showSent(*list, to, data)
	}
	return s.layer.Send(to, data)
}

func (s *Server) showSent(list []*Trace, to flow.Flow, data []byte) {
	m, _ := s.traces.messages.Get().(*wire.Message)
	if m == nil {
		m = &wire.Message{}
	}
	if m.Scan(data, &s.sizes) == nil {
		s.showTo(list, false, to, m)
	}
	m.Raw, m.Body = nil, wire.Span{}
	s.traces.messages.Put(m)
}

func (s *Server) showTo(list []*Trace, in bool, f flow.Flow, m *wire.Message) {
	tables := s.snap.Load().tables
	for _, t := range list {
		if tables.Concerns(m, t.AOR) {
			t.Message(in, s.localFor(f), f.Remote, m)
		}
	}
}

// localFor is our address at the listener of a flow, of the family of the far end's.
func (s *Server) localFor(f flow.Flow) netip.AddrPort {
	all := s.layer.Addresses()
	for _, a := range all {
		if a.Addr().Unmap().Is4() == f.Remote.Addr().Unmap().Is4() && (f.Listener == 0 || a.Port() == f.Listener) {
			return a
		}
	}
	return all[0]
}
