package server

import (
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
)

// maxKept is the largest buffer a request takes back to the pool.
const maxKept = 8 << 10

// request is one being handled, with all the space that takes, so that it may wait
// for the cluster while its loop goes on. One goroutine at a time owns it; see
// progress for how it is handed on. A response takes its place for the time of a
// call.
type request struct {
	message
	reply    reply
	decision routing.Decision

	tx        token.TxID
	ids       []token.TxID
	stateless bool          // forward without a transaction: ACK, a CANCEL that matches none, in a dialog where there is no room
	arrived   time.Duration // since the server's start

	registrar registrar
	prover    prover
	finder    finder
	search    search
	dialer    dialer
	after     []targets.Target // of the places of one target
	fork      []transaction.Target
	retry     []byte // of a 503
	wait      wait
	kept      int    // bytes, while it is kept: see lost
	losses    int    // how often it has lost all targets, or one that rang
	appLife   uint64 // of the proxy whose application it was given to last, within a dialog
	appSent   int64  // when, in milliseconds

	mayStrand   bool // it leaves for a connection: see ringing.go
	rings       bool // it has lost a target that rang: see ringing.go
	keptRinging bool
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
		r.reply.message, r.dialer.m = &r.message, &r.message
		r.registrar.r, r.prover.r, r.finder.r, r.search.r = r, r, r, r
		r.dialer.reached = func() { r.now = s.now(); r.end(r.forward()) }
		r.search.lookup.Done = func(op *cluster.LookupOp) {
			if r.prover.isLast() {
				r.now = s.now()
				r.end(r.search.lookupDone(op))
			}
		}
		r.prover.op.Done = func(*cluster.RegisterOp) {
			if r.prover.isLast() {
				r.now = s.now()
				r.end(r.prover.finished())
			}
		}
		r.search.locate.Done = func(op *cluster.LocateOp) { r.now = s.now(); r.end(r.search.locateDone(op)) }
		r.registrar.op.Done = func(op *cluster.RegisterOp) { r.end(r.registrar.finished(op)) }
		r.finder.op.Done = func(op *cluster.LookupOp) { r.now = s.now(); r.finder.found(op) }
		r.decision.Find = r.finder.find
		r.decision.Done = func() { r.now = s.now(); r.end(r.decided()) }
	}
	return r
}

// release gives the request back to the pool.
func (r *request) release() {
	r.leaveWaiting(waitExpired)
	if cap(r.raw) > maxKept {
		r.raw = nil
	}
	if cap(r.out) > maxKept {
		r.out = nil
	}
	r.search.chain.Trim(maxKept)
	r.snap, r.stateless, r.peer, r.offered, r.reply.trying, r.reply.keep = nil, false, false, false, false, 0
	r.losses, r.rings = 0, false
	r.s.requests.Put(r)
}
