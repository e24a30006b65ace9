package server

import (
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// maxKept is the largest buffer a request takes back to the pool.
const maxKept = 8 << 10

// request is one message being handled, with all the space that takes: a copy
// of its bytes, so that it may wait for the cluster while its loop goes on, and
// everything that is built from them. One goroutine at a time owns it; see
// progress for how it is handed on.
type request struct {
	s       *Server
	snap    *snapshot
	msg     wire.Message
	via     wire.Via
	from    flow.Flow     // what it came over
	back    flow.Flow     // what its responses go over
	now     int64         // milliseconds
	arrived time.Duration // since the server's start

	tx       token.TxID
	ids      []token.TxID
	decision routing.Decision
	builder  forward.Builder
	targets  []targets.Target
	fork     []transaction.Target

	unreached atomic.Int32             // targets without a flow yet
	opened    []func(flow.Flow, error) // takes the flow of each target

	lookup   cluster.LookupOp
	locate   cluster.LocateOp
	register cluster.RegisterOp
	guesses  int    // addresses-of-record that a contact was looked for in
	aor      []byte // the last of them

	peer      bool   // came from another member
	offered   bool   // to this and all others
	trying    bool   // the transaction has answered 100
	stateless bool   // forward without a transaction: ACK, a CANCEL that matches none, in a dialog where there is no room
	raw       []byte // what msg is an index of
	out       []byte // messages being built
	lines     []byte // of a 200 to REGISTER
}

// progress is how far a step has brought a request.
type progress bool

// Every step says one of these, and hands it on to whoever called it. What comes
// from outside, a message or the answer that a request has waited for, is given to
// end with it.
const (
	// done: nothing refers to the request any more.
	done progress = true
	// waits: somebody else has the request, perhaps has answered already, and it may
	// be another message by now. It must not be looked at.
	waits progress = false
)

// end releases a request that is done: nobody else does.
func (r *request) end(p progress) {
	if p == done {
		r.release()
	}
}

// takeRequest returns a request for one message.
func (s *Server) takeRequest() *request {
	r, _ := s.requests.Get().(*request)
	if r == nil {
		r = &request{s: s}
		r.lookup.Done = func(op *cluster.LookupOp) { r.end(r.lookupDone(op)) }
		r.locate.Done = func(op *cluster.LocateOp) { r.end(r.locateDone(op)) }
		r.register.Done = func(op *cluster.RegisterOp) { r.end(r.registerDone(op)) }
		r.decision.Done = func() {
			r.now = s.now()
			r.end(r.decided())
		}
	}
	return r
}

// release gives the request back to the pool.
func (r *request) release() {
	if cap(r.raw) > maxKept {
		r.raw = nil
	}
	if cap(r.out) > maxKept {
		r.out = nil
	}
	r.snap, r.stateless, r.peer, r.offered, r.trying = nil, false, false, false, false
	r.s.requests.Put(r)
}

// readVia parses the topmost Via and works out where the response goes (RFC
// 3261 18.2.1, RFC 3581 4). With an error that is done as far as it goes.
func (r *request) readVia() (err error) {
	r.via, err = r.msg.TopVia()
	r.back = transport.ResponseFlow(&r.via, r.from)
	return err
}
