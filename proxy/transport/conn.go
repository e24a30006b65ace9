package transport

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
)

// conn is one connection, from its accept, or since it is open if it was opened here, to
// its end. One goroutine reads from it, and is the only one that ends it for others: it
// tells the Handler.
type conn struct {
	streams *streams
	limits  *StreamLimits
	table   *connlimit.Table
	counts  *transportMetrics
	flow    flow.Flow
	out     *outbox
	ws      *webSocket // of WS and WSS
	top     net.Conn   // what messages are read from and written to: out, or TLS on top of it

	spoke   atomic.Int64  // when a message came last, in ns
	kept    atomic.Int64  // the spoke of when its table was told
	reason  atomic.Uint32 // a closeReason
	probed  atomic.Bool
	asked   atomic.Bool // to be used as another's alias
	alias   *dialKey    // what it is used as; under the lock of dials
	watched atomic.Bool // what was sent is: watcher runs
	watcher *time.Timer
	due     time.Duration // the read deadline, since streams.began; whoever reads has it
	mu      sync.Mutex
	leaving bool // ended here, and waits for the far end to end it as well
}

func (s *streams) newConn(tcp *net.TCPConn, l *streamListener, table *connlimit.Table) (*conn, error) {
	out, err := newOutbox(tcp)
	if err != nil {
		return nil, err
	}
	c := &conn{streams: s, limits: &l.limits, table: table, counts: &s.metrics.of[l.transport], out: out, top: out}
	out.most, out.wait, out.failed, out.spawn, out.counts = l.limits.Queue, l.limits.Write, c.end, s.spawn, c.counts
	c.flow = flow.Flow{
		Remote: plain(tcp.RemoteAddr().(*net.TCPAddr).AddrPort()), Listener: l.listener, Transport: l.transport,
		Owner: s.self.Owner, Life: s.self.Life,
	}
	_ = tcp.SetReadBuffer(kernelBuffer)
	_ = tcp.SetWriteBuffer(kernelBuffer)
	out.keep(usual)
	return c, nil
}

// kernelBuffer is what the kernel may hold for a connection in each direction, in
// bytes: memory that counts as this process's.
const kernelBuffer = 128 << 10

// RemoteAddr and Close have a connlimit.Table hold it.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.flow.Remote) }

// Close ends the connection to give its place to another.
func (c *conn) Close() error {
	c.end(closedLimit)
	return nil
}

// end ends the connection at once. What is queued is lost.
func (c *conn) end(why closeReason) {
	c.reason.CompareAndSwap(uint32(stillOpen), uint32(why))
	_ = c.out.Close()
}

// leave ends the connection when all that is queued is written, and the far end has
// ended it too, or has had the time to.
func (c *conn) leave(why closeReason) bool { return c.finish(why, ws.StatusGoingAway) }

// finish is leave, for a reason that a WebSocket has a code for.
func (c *conn) finish(why closeReason, code ws.StatusCode) bool {
	if !c.reason.CompareAndSwap(uint32(stillOpen), uint32(why)) {
		return false
	}
	c.mu.Lock()
	c.leaving = true
	_ = c.out.SetReadDeadline(time.Now().Add(c.limits.Linger))
	c.mu.Unlock()
	c.farewell(code)
	c.out.finish()
	return true
}

// farewell says in the protocols on top that the end is meant.
func (c *conn) farewell(code ws.StatusCode) {
	if c.ws != nil {
		c.closeFrame(code)
	}
	if t, ok := c.top.(*tls.Conn); ok {
		_ = t.CloseWrite()
	}
}

// keep has the connection be somebody's. The table, which all share, is told at most once
// a second of those in which messages come.
func (c *conn) keep() {
	if now := c.spoke.Load(); uint64(now-c.kept.Load()) >= uint64(time.Second) {
		c.kept.Store(now)
		c.table.Busy(c)
	}
}

func (c *conn) over() bool { return closeReason(c.reason.Load()) != stillOpen }

// send gives one message to the far end.
func (c *conn) send(data []byte) error {
	if c.over() {
		return ErrGone
	}
	if err := c.writeMessage(data); err != nil {
		c.end(closedByWrite)
		return ErrGone
	}
	c.counts.sent.Inc()
	c.watch()
	return nil
}

// publish makes a flow of the connection.
func (c *conn) publish() {
	c.flow.Conn, c.watcher = c.streams.last.Add(1), c.unwatched()
	c.spoke.Store(time.Now().UnixNano())
	c.counts.open.Inc()
	c.streams.index.add(c)
}

// settle ends what is left of a published connection, and tells.
func (c *conn) settle() {
	c.end(closedByPeer)
	c.watcher.Stop()
	c.streams.index.remove(c)
	c.counts.open.Dec()
	c.streams.handler.Closed(c.flow, errClosed[c.reason.Load()])
}
