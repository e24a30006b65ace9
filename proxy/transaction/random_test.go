package transaction

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// laws is an Outlet that checks what must hold whatever happens.
type laws struct {
	t      testing.TB
	mu     sync.Mutex // shards call concurrently
	calls  map[*ResponseContext]*call
	random *rand.Rand
}

// call is what laws has seen of one context.
type call struct {
	failures  int // final responses upstream, except for 2xx to INVITE
	successes int // 2xx to INVITE upstream
	rang      map[uint32]bool
	branches  map[uint32]bool
}

func (l *laws) call(c *ResponseContext) *call {
	if l.calls[c] == nil {
		l.calls[c] = &call{rang: map[uint32]bool{}, branches: map[uint32]bool{}}
	}
	return l.calls[c]
}

func (l *laws) scan(b []byte) *wire.Message {
	var m wire.Message
	if err := m.Scan(b, nil); err != nil || bytes.IndexByte(b, poison) >= 0 {
		l.t.Errorf("sent what is no message: %v\n%q", err, b)
	}
	return &m
}

// Upstream implements Outlet.
func (l *laws) Upstream(c *ResponseContext, to flow.Flow, response []byte, _ bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.scan(response)
	call, status := l.call(c), m.StatusCode()
	switch {
	case m.CSeqMethod() == wire.MethodCancel:
		if status != 200 || to.Conn != connCancel {
			l.t.Errorf("CANCEL answered %d, over connection %d", status, to.Conn)
		}
	case c.server.method == wire.MethodInvite && status/100 == 2:
		call.successes++
	case status >= 200 && call.failures != 0 && call.failures != status:
		l.t.Errorf("%d after %d went upstream", status, call.failures)
	case status >= 200:
		call.failures = status
		if c.server.method != wire.MethodInvite && status == 408 {
			l.t.Error("408 to a non-INVITE")
		}
	case c.server.method != wire.MethodInvite && status != 100:
		l.t.Errorf("%d to a non-INVITE", status)
	case call.failures != 0 || call.successes != 0:
		l.t.Errorf("%d after a final response", status)
	}
}

// Downstream implements Outlet.
func (l *laws) Downstream(c *ResponseContext, b *Branch, message []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.scan(message)
	call, target := l.call(c), b.Target().Branch.Target
	switch m.Method() {
	case wire.MethodCancel:
		if !call.rang[target] {
			l.t.Error("CANCEL before a provisional response")
		}
	case wire.MethodAck:
		if b.status < 300 {
			l.t.Errorf("ACK to %d", b.status)
		}
	default:
		if first := !call.branches[target]; first && (c.branches.trying(b) || c.cancelled) {
			l.t.Error("a branch was started while another of its group was tried, or after a CANCEL")
		}
		call.branches[target] = true
	}
	return l.random.IntN(50) != 0
}

// look checks the contexts that are held, and forgets those that have left.
func (l *laws) look(table *Table) {
	held := map[*ResponseContext]bool{}
	for i := range table.shards {
		for _, c := range table.shards[i].index.buckets {
			for ; c != nil; c = c.place.chain {
				held[c] = true
				if call := l.call(c); call.failures == 0 && call.successes == 0 && c.server.status != 0 {
					l.t.Errorf("status %d was never sent", c.server.status)
				}
			}
		}
	}
	maps.DeleteFunc(l.calls, func(c *ResponseContext, _ *call) bool { return !held[c] })
}

// world makes random events out of bytes.
type world struct {
	t     testing.TB
	table *Table
	laws  *laws
	now   int64
	keys  uint8
	going map[uint64]int // requests that Count was told of and that have not ended, by caller; nil: it is told of none
	kept  []*kept
}

// kept is a request that is given back once.
type kept struct {
	w     *world
	keeps bool // if it rings
	over  bool
}

func (k *kept) Lost()          { k.Settled() }
func (k *kept) Rings() bool    { return k.keeps }
func (k *kept) Stranded(int64) { k.Settled() }
func (k *kept) Settled() {
	if k.over {
		k.w.t.Error("given back twice")
	}
	k.over = true
}

func newWorld(t testing.TB, keys uint8, seed uint64) *world {
	l := &laws{t: t, calls: map[*ResponseContext]*call{}, random: rand.New(rand.NewPCG(seed, 1))}
	w := &world{t: t, laws: l, now: rigStart, keys: keys}
	w.going = map[uint64]int{}
	w.table = NewTable(Options{MaxContexts: int(keys) - 1, Ended: w.ended}, l)
	for i := range w.table.shards {
		w.table.shards[i].pool.poisoned = true
	}
	return w
}

// methods of the keys, in turn.
var worldMethods = [...]string{"INVITE", "INVITE", "BYE", "MESSAGE"}

// worldKey spreads the keys over four shards.
func worldKey(n uint8) token.TxID { return token.TxID{1, 0, 0, 0, n % 4, n} }

func worldBranch(n uint8, target byte) token.Branch {
	return token.Branch{Tx: worldKey(n), Target: uint32(target % 4)}
}

var worldStatuses = [...]int{100, 180, 183, 200, 202, 302, 401, 404, 407, 408, 486, 487, 430, 503, 600, 482}

// step makes an event of three bytes.
func (w *world) step(what, who, how byte) {
	n := who % w.keys
	key, method := worldKey(n), worldMethods[int(n)%len(worldMethods)]
	src := flow.Flow{Conn: connRequest, Transport: transport(n&4 != 0)}
	switch what % 12 {
	case 0, 1:
		if w.table.Request(w.now, key, scan(w.t, request(method)), src, Known) == New && w.going != nil && how%4 != 0 {
			w.count(n)
		}
	case 2:
		w.table.Request(w.now, key, scan(w.t, request("ACK")), src, Known)
	case 3:
		src.Conn = connCancel
		w.table.Request(w.now, key, scan(w.t, request("CANCEL")), src, Known)
	case 4, 5:
		targets := make([]Target, how%3)
		for i := range targets {
			t := how/3 + byte(i)
			targets[i] = Target{Branch: worldBranch(n, t), Bytes: forwarded(method, int(t)), Group: uint64(how >> 7 * (1 + t/2%2)), Flow: flow.Flow{Transport: transport(n&8 != 0), Conn: uint64(n & 8)}}
		}
		kept := &kept{w: w, keeps: how&1 != 0}
		if w.table.ForkAgain(w.now, key, targets, kept) {
			w.kept = append(w.kept, kept)
		} else if kept.over {
			w.t.Error("what was not forked was given back as if it were")
		}
	case 6:
		if how&1 != 0 {
			w.lapse(key)
			return
		}
		status := worldStatuses[int(how)%len(worldStatuses)]
		w.table.Refuse(w.now, key, wire.AppendResponse(nil, scan(w.t, request(method)), status, "By Proxy", []byte("px"), nil))
	case 7:
		if n&8 != 0 && how&4 != 0 {
			w.table.Lost(w.now, func(f flow.Flow) bool { return f.Conn == 8 })
		}
		w.table.TransportError(w.now, key, worldBranch(n, how))
	case 8:
		w.pass(int64(how) * int64(how) * 4)
	default:
		w.respond(n, how>>4, worldStatuses[how&15], method, what%24 < 12)
	}
}

// lapse ends what waits for new flows.
func (w *world) lapse(key token.TxID) {
	if since, others := w.table.Expire(w.now, key, w.now-1000); others {
		if since <= w.now-1000 || !w.table.Seeks(key) {
			w.t.Errorf("others wait since %d, at %d", since, w.now)
		}
		return
	}
	kept := &kept{w: w, keeps: true}
	switch open := w.table.Lapse(w.now, key, kept); {
	case open:
		w.kept = append(w.kept, kept)
	case kept.over:
		w.t.Error("what has ended was given back as if it had been kept")
	}
}

// count has the end of a request told.
func (w *world) count(n uint8) {
	caller := uint64(n%3) + 1
	w.going[caller]++
	if !w.table.Count(w.now, worldKey(n), caller) {
		w.t.Error("what is new cannot be counted")
	}
	if w.table.Count(w.now, worldKey(n), caller) {
		w.t.Error("what is counted can be counted again")
	}
}

// ended is Options.Ended.
func (w *world) ended(caller uint64) {
	if w.going[caller]--; w.going[caller] < 0 {
		w.t.Errorf("more requests of caller %d ended than were counted", caller)
	}
}

func (w *world) respond(n, target byte, status int, method string, usual bool) {
	if !usual {
		method = "CANCEL"
	}
	resp := scan(w.t, response(method, int(target%4), status))
	var e wire.Edit
	e.Reset(resp)
	e.RemoveTopVia()
	c := w.table.shards[hashKey(worldKey(n))&(shards-1)].index.get(worldKey(n))
	before := w.successes(c, target, status, method)
	ok := w.table.Response(w.now, worldKey(n), worldBranch(n, target), resp, e.Append(nil)) != NoBranch
	if before >= 0 && ok && w.laws.calls[c] != nil && w.laws.calls[c].successes != before+1 {
		w.t.Errorf("a %d to INVITE did not go upstream", status)
	}
}

// successes notes a provisional response, and returns how many 2xx went
// upstream if the response is one, else -1.
func (w *world) successes(c *ResponseContext, target byte, status int, method string) int {
	if c == nil || c.server.method != wire.MethodInvite || method != "INVITE" {
		return -1
	}
	call := w.laws.call(c)
	if status < 200 {
		call.rang[uint32(target%4)] = true
	}
	if status/100 != 2 {
		return -1
	}
	return call.successes
}

func (w *world) pass(ms int64) {
	for end := w.now + ms; w.now < end; {
		w.now = min(w.now+w.laws.random.Int64N(1500)+1, end)
		w.table.Tick(w.now)
	}
}

// finish lets all timers end and checks that nothing is left.
func (w *world) finish() {
	for range 500 {
		w.now += 1000
		w.table.Tick(w.now)
	}
	if n := w.table.Len(); n != 0 {
		w.t.Errorf("%d contexts are left", n)
	}
	for _, k := range w.kept {
		if !k.over {
			w.t.Error("a request that was kept is never given back")
		}
	}
	for caller, n := range w.going {
		if n != 0 {
			w.t.Errorf("of caller %d the end of %d requests was not told", caller, n)
		}
	}
	checkEmpty(w.t, w.table)
}

// Any sequence of events keeps the laws and ends.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{9, 0, 0, 0, 0, 0, 4, 0, 2, 9, 0, 1, 3, 0, 0, 9, 0, 11, 2, 0, 0, 9, 0, 3})
	f.Add([]byte{3, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 1, 8, 0, 100})
	for seed := range uint64(20) {
		b := make([]byte, 600)
		r := rand.New(rand.NewPCG(seed, seed))
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], r.Uint64())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 3 {
			return
		}
		w := newWorld(t, 2+b[0]%15, uint64(b[1]))
		for b = b[:min(len(b), 900)]; len(b) >= 3; b = b[3:] {
			w.step(b[0], b[1], b[2])
			w.laws.look(w.table)
		}
		w.finish()
	})
}

// Many goroutines at once: nothing is lost, and the race detector is content.
func TestConcurrentEvents(t *testing.T) {
	const workers, events = 4, 1500
	table := NewTable(Options{MaxContexts: 40}, nowhere{})
	for i := range table.shards {
		table.shards[i].pool.poisoned = true
	}
	var wait sync.WaitGroup
	for id := range uint64(workers) {
		wait.Go(func() {
			w := &world{t: t, table: table, now: rigStart, keys: 60}
			r := rand.New(rand.NewPCG(id, 2))
			for range events {
				w.now += r.Int64N(40)
				w.concurrent(r)
			}
		})
	}
	wait.Wait()
	for now := int64(rigStart); now < rigStart+3_000_000; now += 1000 {
		table.Tick(now)
	}
	if n := table.Len(); n != 0 {
		t.Errorf("%d contexts are left", n)
	}
	checkEmpty(t, table)
	if s := table.Stats(); s.Created == 0 || s.Held != 0 {
		t.Errorf("%d contexts came, %d are held", s.Created, s.Held)
	}
}

// concurrent is step without looking into the table.
func (w *world) concurrent(r *rand.Rand) {
	n := uint8(r.IntN(int(w.keys)))
	method := worldMethods[int(n)%len(worldMethods)]
	switch r.IntN(8) {
	case 0:
		w.table.Tick(w.now)
	case 1:
		target := byte(r.IntN(4))
		resp := scan(w.t, response(method, int(target), worldStatuses[r.IntN(len(worldStatuses))]))
		w.table.Response(w.now, worldKey(n), worldBranch(n, target), resp, resp.Raw)
	case 2:
		w.table.Has(worldKey(n))
		w.table.Stats()
	default:
		w.step(byte(r.IntN(8)), n, byte(r.IntN(256)))
	}
}

// A clock that jumps fires everything that is due, once.
func TestTickAfterLongPause(t *testing.T) {
	r := newRig(t, Options{})
	r.run("INVITE, fork 1, 1 486")
	r.log = nil
	r.now += time.Hour.Milliseconds()
	for range 4 {
		r.watch(func() { r.table.Tick(r.now) })
		r.now += tickMillis
	}
	if r.table.Len() != 0 || len(r.log) != 1 {
		t.Errorf("%d contexts are left, log %q", r.table.Len(), r.log)
	}
}
