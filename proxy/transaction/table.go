package transaction

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Table holds the contexts of a process. All methods may be called concurrently;
// now is the time in milliseconds, 0 or more, on a clock that does not go back.
// Bytes passed in are copied where they are kept.
type Table struct {
	contexts budget
	size     budget // in bytes
	begun    func()
	count    atomic.Int64
	bytes    atomic.Int64 // of buffers, as far as the shards have told
	sources  sources
	shards   [shards]shard
}

// MaxBranches is the most branches a context has.
const MaxBranches = 64

const (
	defaultMaxContexts = 200_000
	// bytesPerContext is what an ordinary call takes in buffers, at most: an
	// INVITE with its SDP once, the last response, the headers of the 100.
	bytesPerContext = 4 << 10
	// granule is how many bytes a shard takes or gives back before it tells, so
	// that shards seldom meet.
	granule = 16 << 10
)

// NewTable returns a table that sends through out.
func NewTable(o Options, out Outlet) *Table {
	t := &Table{
		contexts: budget{max: int64(o.MaxContexts), least: minSource},
		size:     budget{max: o.MaxBytes, least: minSource * bytesPerContext},
		begun:    o.Begun,
	}
	if t.contexts.max <= 0 {
		t.contexts.max = defaultMaxContexts
	}
	if t.size.max <= 0 {
		t.size.max = bytesPerContext * t.contexts.max
	}
	t.sources.seed = maphash.MakeSeed()
	for i := range t.shards {
		s := &t.shards[i]
		s.out, s.silent, s.unacked = out, o.Silent, o.Unacked
		s.intervals, s.proven, s.first, s.ended = o.Timers.intervals(), o.Proven, o.Answered, o.Ended
	}
	return t
}

// lock returns the shard of a key, locked, with an event begun, and the context
// if there is one.
func (t *Table) lock(now int64, key token.TxID) (*shard, *ResponseContext) {
	s := &t.shards[hashKey(key)&(shards-1)]
	s.mu.Lock()
	s.begin(now)
	return s, s.index.get(key)
}

// unlock carries out what the event on c, if not nil, has led to.
func (t *Table) unlock(s *shard, c *ResponseContext) {
	if c != nil {
		held := s.held
		s.settle(c)
		t.count.Add(int64(s.held - held))
	}
	t.tell(s)
	s.mu.Unlock()
}

// tell notes how many bytes a shard holds; its lock is held.
func (t *Table) tell(s *shard) {
	if change := s.pool.bytes - s.told; change > granule || change < -granule {
		s.told = s.pool.bytes
		t.bytes.Add(change)
	}
}

// Request takes a request that has arrived, under its transaction ID (an ACK or
// CANCEL under that of the INVITE). Only New asks the caller for anything: a
// Fork or a Refuse, from any goroutine. Without one the context is answered 408
// (INVITE) or forgotten after 64*T1.
//
// req must have passed Message.Validate. standing counts for what is New.
func (t *Table) Request(now int64, key token.TxID, req *wire.Message, src flow.Flow, standing Standing) Disposition {
	s, c := t.lock(now, key)
	var d Disposition
	if c == nil {
		c, d = t.open(s, key, req, src, standing)
	} else {
		d = s.again(c, req, src)
	}
	t.unlock(s, c)
	return d
}

// open makes a context for a request that has none.
func (t *Table) open(s *shard, key token.TxID, req *wire.Message, src flow.Flow, standing Standing) (*ResponseContext, Disposition) {
	if m := req.Method(); m == wire.MethodAck || m == wire.MethodCancel {
		return nil, NoMatch
	}
	own := t.sources.of(src)
	switch first, ok := t.enter(own, standing); {
	case !ok:
		s.stats.Overloaded++
		return nil, Overloaded
	case first && t.begun != nil:
		t.begun()
	}
	if s.held == 0 {
		s.wheel.skip(s.now) // nobody may have ticked since it was empty
	}
	c := s.takeContext()
	c.charged, c.standing = own, standing
	c.accept(&s.event, key, req, src)
	s.index.add(c)
	return c, New
}

// again handles a request that belongs to a context.
func (s *shard) again(c *ResponseContext, req *wire.Message, src flow.Flow) Disposition {
	if c.server.follow(src) {
		c.server.credit.earn(len(req.Raw))
		c.goneAt = never
	}
	switch req.Method() {
	case wire.MethodAck:
		if !c.invite() || !c.server.acknowledge(&s.event) {
			return NoMatch
		}
		return AckHandled
	case wire.MethodCancel:
		if !c.invite() {
			return NoMatch
		}
		c.cancel(&s.event, req, src)
		return CancelHandled
	}
	c.server.repeated(&s.event)
	return Retransmission
}

// Count has Options.Ended called when the request under the key has its final response: it
// is one of the caller's, which is not 0. It returns false if that is so by now, or the
// context is gone: then it is not called.
func (t *Table) Count(now int64, key token.TxID, caller uint64) bool {
	s, c := t.lock(now, key)
	ok := c != nil && c.open() && c.server.caller == 0
	if ok {
		c.server.caller = caller
	}
	t.unlock(s, c)
	return ok
}

// Has reports whether the table holds a context under the key.
func (t *Table) Has(key token.TxID) bool {
	s := &t.shards[hashKey(key)&(shards-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.index.get(key) != nil
}

// Fork starts a client transaction for each target, in order, and answers an
// INVITE 100 if nothing was answered yet. Without targets, the best response so
// far is sent, or 480 if there is none. A target whose branch the context has
// already, unless it was lost with its flow, or beyond MaxBranches, is left out, and so
// are the last ones if there is no room for the bytes of all.
//
// It returns false if the context is gone, cancelled, or answered: nothing is
// sent then.
func (t *Table) Fork(now int64, key token.TxID, targets []Target) bool {
	return t.ForkAgain(now, key, targets, nil)
}

// ForkAgain is Fork of a request that is kept in case that all targets are lost. If it
// returns false again is not called.
func (t *Table) ForkAgain(now int64, key token.TxID, targets []Target, again Again) bool {
	s, c := t.lock(now, key)
	ok := c != nil && c.open() && !c.cancelled && !c.closed
	if ok {
		afforded := t.affords(c, targets)
		if len(afforded) < len(targets) {
			s.stats.Overloaded++
		}
		c.keep(again)
		c.fork(&s.event, &s.stock, afforded)
	}
	t.unlock(s, c)
	return ok
}

// Refuse answers with a failure made by the caller and forgets the request, if
// nothing was sent for it before: its retransmission is a request like the first
// and gets the same answer, and nobody waits for an ACK (RFC 3261 8.2.7). Else it
// answers as a target would, and the branches of an INVITE are cancelled. It
// returns false if the context is gone or has been answered, and for a 408 to a
// non-INVITE, which nobody gets (RFC 4320 4.2).
func (t *Table) Refuse(now int64, key token.TxID, response []byte) bool {
	status := statusOf(response)
	s, c := t.lock(now, key)
	ok := c != nil && c.open() && status >= 300 && (status != 408 || c.invite())
	if ok {
		c.refuse(&s.event, status, response)
	}
	t.unlock(s, c)
	return ok
}

// statusOf reads the status code of a response made here, 0 if it is none.
func statusOf(response []byte) int {
	const version = "SIP/2.0 "
	if len(response) < len(version)+3 || string(response[:len(version)]) != version {
		return 0
	}
	status := 0
	for _, d := range response[len(version) : len(version)+3] {
		if d < '0' || d > '9' {
			return 0
		}
		status = 10*status + int(d-'0')
	}
	if status < 100 || status > 699 {
		return 0
	}
	return status
}

// Abandon forgets a request that nothing was sent for, as if it had never come:
// its retransmission may find a proxy that can do better. It returns false if
// the context is gone, has a branch or an answer.
func (t *Table) Abandon(now int64, key token.TxID) bool {
	s, c := t.lock(now, key)
	ok := c != nil && c.server.state == serverTrying && c.branches.count == 0
	if ok {
		c.abandon(&s.event)
	}
	t.unlock(s, c)
	return ok
}

// Trying answers an INVITE 100 if nothing was answered yet, for what takes its
// time before the first Fork. It returns false if the context is gone or has
// been answered.
func (t *Table) Trying(now int64, key token.TxID) bool {
	s, c := t.lock(now, key)
	ok := c != nil && c.open() && c.invite()
	if ok {
		c.server.sayTrying(&s.event)
	}
	t.unlock(s, c)
	return ok
}

// Provisional answers an INVITE with a provisional response made by the caller, for
// what takes long before there is a target. It returns false if the context is gone or
// has been answered.
func (t *Table) Provisional(now int64, key token.TxID, response []byte) bool {
	s, c := t.lock(now, key)
	ok := c != nil && c.open() && c.invite()
	if ok {
		c.server.provisional(&s.event, response, true)
	}
	t.unlock(s, c)
	return ok
}

// Yield ends an INVITE that another member holds as well, and has an answer to:
// that one tells the caller. It returns false if the context is gone, or has
// been answered itself.
//
// Nothing is sent, least of all a CANCEL: at the far end both are one
// transaction. If the caller has cancelled here, its CANCEL goes out now.
func (t *Table) Yield(now int64, key token.TxID) bool {
	s, c := t.lock(now, key)
	ok := c != nil && c.invite() && c.open() && !c.heard && c.branches.count > 0
	if ok {
		c.yield(&s.event)
	}
	t.unlock(s, c)
	return ok
}

// Answered reports whether the table holds an INVITE under the key that a branch
// has answered, or this process.
func (t *Table) Answered(key token.TxID) bool {
	s := &t.shards[hashKey(key)&(shards-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.index.get(key)
	return c != nil && c.invite() && (c.heard || !c.open())
}

// Response takes a response that has arrived for a branch. forward is the
// response as it goes upstream, without our Via; it is not looked at for a 100
// and for a response to a CANCEL, and may be nil then. But for NoBranch it has been
// dealt with, which may mean dropped.
func (t *Table) Response(now int64, key token.TxID, branch token.Branch, resp *wire.Message, forward []byte) Receipt {
	s, c := t.lock(now, key)
	var b *Branch
	if c != nil {
		b = c.branches.find(branch)
	}
	receipt := NoBranch
	if b != nil {
		receipt = b.receipt(resp)
		c.response(&s.event, b, resp, forward)
	}
	t.unlock(s, c)
	return receipt
}

// TransportError tells that the branch's target cannot be reached (RFC 3261
// 16.9, 17.1.4). It returns false if the table has no such branch.
func (t *Table) TransportError(now int64, key token.TxID, branch token.Branch) bool {
	s, c := t.lock(now, key)
	var b *Branch
	if c != nil {
		b = c.branches.find(branch)
	}
	if b != nil {
		c.unreachable(&s.event, b)
	}
	t.unlock(s, c)
	return b != nil
}

// Tick fires the timers that are due. It is to be called every 10 to 50 ms
// while there are contexts.
func (t *Table) Tick(now int64) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		if left := s.advance(now); left != 0 {
			t.count.Add(int64(-left))
		}
		t.tell(s)
		s.mu.Unlock()
	}
}

// Len returns the number of contexts held.
func (t *Table) Len() int { return int(t.count.Load()) }
