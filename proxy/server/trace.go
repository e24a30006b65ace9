package server

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transport"
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
	layer *transport.Stack
	sizes *wire.Limits
	snap  *atomic.Pointer[snapshot]

	list     atomic.Pointer[[]*Trace] // nil: none
	changing sync.Mutex
	messages sync.Pool // of those that leave
}

// Trace has t called until stop; false if there are as many traces as may be.
func (s *Server) Trace(t *Trace) (stop func(), ok bool) { return s.traces.begin(t) }

func (ts *traces) begin(t *Trace) (stop func(), ok bool) {
	var before []*Trace
	ts.changing.Lock()
	defer ts.changing.Unlock()
	if list := ts.list.Load(); list != nil {
		before = *list
	}
	if len(before) >= maxTraces {
		return nil, false
	}
	after := append(slices.Clone(before), t)
	ts.list.Store(&after)
	return sync.OnceFunc(func() { ts.end(t) }), true
}

func (ts *traces) end(t *Trace) {
	ts.changing.Lock()
	defer ts.changing.Unlock()
	after := slices.DeleteFunc(slices.Clone(*ts.list.Load()), func(o *Trace) bool { return o == t })
	if len(after) == 0 {
		ts.list.Store(nil)
		return
	}
	ts.list.Store(&after)
}

// show shows the traces a message that has come.
func (m *message) show() {
	if list := m.s.traces.list.Load(); list != nil {
		m.s.traces.show(*list, true, m.from, &m.msg)
	}
}

// send sends a message, and shows it to the traces.
func (s *Server) send(to flow.Flow, data []byte) error {
	if list := s.traces.list.Load(); list != nil {
		s.traces.showSent(*list, to, data)
	}
	return s.deliver(to, data)
}

// answer is send of a response, whose fate nobody waits to hear.
func (s *Server) answer(to flow.Flow, data []byte) {
	if list := s.traces.list.Load(); list != nil {
		s.traces.showSent(*list, to, data)
	}
	switch {
	case to.Transport == flow.Local && to.Owner == s.self:
		s.toApplication(data)
		fallthrough
	case !to.IsHeld():
		s.layer.Answer(to, data)
		return
	}
	_ = s.deliver(to, data) // the caller has gone
}

func (ts *traces) showSent(list []*Trace, to flow.Flow, data []byte) {
	m, _ := ts.messages.Get().(*wire.Message)
	if m == nil {
		m = &wire.Message{}
	}
	if m.Scan(data, ts.sizes) == nil {
		ts.show(list, false, to, m)
	}
	m.Raw, m.Body = nil, wire.Span{}
	ts.messages.Put(m)
}

func (ts *traces) show(list []*Trace, in bool, f flow.Flow, m *wire.Message) {
	tables := ts.snap.Load().tables
	for _, t := range list {
		if tables.Concerns(m, t.AOR) {
			t.Message(in, ts.localFor(f), f.Remote, m)
		}
	}
}

// localFor is our address at the listener of a flow, of the family of the far end's.
func (ts *traces) localFor(f flow.Flow) netip.AddrPort {
	all := ts.layer.Addresses()
	for _, a := range all {
		if a.Addr().Unmap().Is4() == f.Remote.Addr().Unmap().Is4() && (f.Listener == 0 || a.Port() == f.Listener) {
			return a
		}
	}
	return all[0]
}
