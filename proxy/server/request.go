package server

import (
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// maxKept is the largest buffer a request takes back to the pool.
const maxKept = 8 << 10

// request is one being handled, with all the space that takes, so that it may wait
// for the cluster while its loop goes on. One goroutine at a time owns it; see
// progress for how it is handed on. A response takes its place for the time of a
// call.
type request struct {
	message
	dialer
	via     wire.Via
	back    flow.Flow     // what its responses go over
	arrived time.Duration // since the server's start

	tx       token.TxID
	ids      []token.TxID
	decision routing.Decision
	fork     []transaction.Target

	chain    targets.Chain
	lookup   cluster.LookupOp
	locate   cluster.LocateOp
	register cluster.RegisterOp
	renewal  thing  // who registers what from where
	guesses  int    // addresses-of-record that a contact was looked for in
	aor      []byte // the last of them

	trying    bool   // the transaction has answered 100
	stateless bool   // forward without a transaction: ACK, a CANCEL that matches none, in a dialog where there is no room
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
		r = &request{message: message{s: s}}
		r.m = &r.message
		r.reached = func() { r.now = s.now(); r.end(r.forward()) }
		r.lookup.Done = func(op *cluster.LookupOp) { r.now = s.now(); r.end(r.lookupDone(op)) }
		r.locate.Done = func(op *cluster.LocateOp) { r.now = s.now(); r.end(r.locateDone(op)) }
		r.register.Done = func(op *cluster.RegisterOp) { r.end(r.registerDone(op)) }
		r.decision.Done = func() { r.now = s.now(); r.end(r.decided()) }
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
	r.chain.Trim(maxKept)
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
