package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// MaxDatagram is the size of the read buffer: no UDP payload is longer.
const MaxDatagram = 65535

// DefaultReadBuffer is the kernel receive buffer asked for, in bytes.
const DefaultReadBuffer = 4 << 20

// UDPConfig says what ListenUDP opens.
type UDPConfig struct {
	// Address to bind. Port 0 takes a free one, the same for every loop.
	Address netip.AddrPort
	// Listener is what flows name this one by, 0 where there is no other.
	Listener uint16
	// Loops is the number of sockets and goroutines, at least 1.
	Loops int
	// Shared lets other processes of this user bind the address too; the kernel
	// spreads sources over all sockets.
	Shared bool
	// ReadBuffer is the kernel receive buffer a socket asks for, in bytes.
	// 0 means DefaultReadBuffer. The kernel may grant less.
	ReadBuffer int
}

// UDP is a set of sockets on one address, and a Layer. Its methods may be called
// by many goroutines.
type UDP struct {
	address  netip.AddrPort
	listener uint16
	sockets  []*sender
	loops    sync.WaitGroup
	raw      []syscall.RawConn
	closed   sync.Once
	stopping atomic.Bool
	stats    []loopStats
}

// ListenUDP binds the sockets. Nothing is read until Serve.
func ListenUDP(c UDPConfig) (*UDP, error) {
	if c.Loops < 1 {
		c.Loops = 1
	}
	if c.ReadBuffer == 0 {
		c.ReadBuffer = DefaultReadBuffer
	}
	u := &UDP{address: c.Address, listener: c.Listener, stats: make([]loopStats, c.Loops)}
	for range c.Loops {
		if err := u.open(&c); err != nil {
			return nil, fmt.Errorf("listen on udp %s: %w", c.Address, errors.Join(err, u.Close()))
		}
	}
	return u, nil
}

func (u *UDP) open(c *UDPConfig) error {
	conn, err := listenReusePort(u.address, c.Shared || c.Loops > 1, c.ReadBuffer)
	if err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	s, err := newSender(conn)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	u.sockets, u.raw = append(u.sockets, s), append(u.raw, raw)
	u.address = plain(conn.LocalAddr().(*net.UDPAddr).AddrPort())
	return nil
}

// Address is the bound address and port.
func (u *UDP) Address() netip.AddrPort { return u.address }

// Loops is the number of sockets; they are numbered from 0.
func (u *UDP) Loops() int { return len(u.sockets) }

// Serve starts one loop a socket, each of which calls h. It returns at once; call
// it once.
func (u *UDP) Serve(h Handler) {
	for i := range u.sockets {
		u.loops.Go(func() { u.read(i, h) })
	}
}

// read handles what arrives until the socket is closed. It waits for a socket
// only after it has seen it empty.
func (u *UDP) read(loop int, h Handler) {
	r := reader{u: u, loop: loop, handler: h, batch: newBatch()}
	for {
		err := u.raw[loop].Read(r.drain)
		if u.stopping.Load() || errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// The poller gives up on a socket that has an error and no room to
			// send, until either changes.
			u.stats[loop].readErrors.Add(1)
			time.Sleep(time.Millisecond)
		}
	}
}

// reader is the state of one loop.
type reader struct {
	u       *UDP
	loop    int
	handler Handler
	batch   *batch
	quote   [MaxRefusal]byte
}

// drain handles all that a socket has, datagrams and errors. It returns false
// when it has seen it empty: what comes from then on wakes the loop again.
func (r *reader) drain(fd uintptr) (done bool) {
	failures := 0
	for !r.u.stopping.Load() {
		n, errno := r.batch.receive(fd)
		r.handleAll(n)
		switch {
		case errno == syscall.EINTR:
		case r.takeErrors(fd, errno): // there may be more of either
		case errno == 0 && n == batchSize:
		case errno == 0 || errno == syscall.EAGAIN || failures == staleErrors:
			return false
		default: // an error keeps datagrams back that have come
			failures++
			r.u.stats[r.loop].readErrors.Add(1)
		}
	}
	return true
}

// takeErrors takes what earlier datagrams of this socket have brought on, if
// there is a sign of any, and reports whether there was. An error is told once,
// to whichever system call is the next: a receive, whose errno this is, or a
// send.
func (r *reader) takeErrors(fd uintptr, errno syscall.Errno) bool {
	sender := r.u.sockets[r.loop]
	if errno == 0 && !sender.errors.Load() {
		return false
	}
	sender.errors.Store(false)
	return takeRefusals(fd, r.handler, &r.quote)
}

// handleAll handles the datagrams of a batch, and sends their answers. One alone has
// nothing to wait for.
func (r *reader) handleAll(n int) {
	if n > 1 {
		sender := r.u.sockets[r.loop]
		sender.hold()
		defer sender.release(&r.u.stats[r.loop])
	}
	for i := range n {
		r.handle(r.batch.datagram(i))
	}
}

func (r *reader) handle(data []byte, source netip.AddrPort) {
	stats := &r.u.stats[r.loop]
	stats.received.Add(1)
	stats.receivedBytes.Add(uint64(len(data)))
	r.handler.Message(flow.Flow{Remote: source, Listener: r.u.listener, Socket: uint16(r.loop)}, data)
}

// Send writes one datagram from the flow's socket (any number is taken modulo
// Loops). It does not wait: for want of room a datagram is lost, as it may be
// anywhere on its way, which is counted and no error. An error is one that lasts;
// it is counted too, and there is nobody else to tell on UDP but a transaction.
// That nobody listens there is told later, to Handler.Closed.
func (u *UDP) Send(f flow.Flow, data []byte) error {
	i := u.socket(f)
	err := u.sockets[i].send(f.Remote, data)
	u.stats[i].countSend(len(data), err)
	if err != nil && isLoss(err) {
		return nil
	}
	return err
}

// Answer implements Layer. While the flow's loop has read several datagrams, what is
// sent leaves when it has handled them all.
func (u *UDP) Answer(f flow.Flow, data []byte) {
	i := u.socket(f)
	u.sockets[i].answer(f.Remote, data, &u.stats[i])
}

// socket is the number of a flow's socket.
func (u *UDP) socket(f flow.Flow) uint { return uint(f.Socket) % uint(len(u.sockets)) }

// Open implements Layer: on UDP a flow is an address of the sockets' family.
func (u *UDP) Open(to Destination, opened func(flow.Flow, error)) {
	addr := to.Addr.Addr()
	if !addr.IsValid() || to.Addr.Port() == 0 || addr.Is6() && u.address.Addr().Is4() {
		opened(flow.Flow{}, ErrNoRoute)
		return
	}
	opened(flow.Flow{Remote: to.Addr, Listener: u.listener}, nil)
}

// Close closes the sockets and waits until every loop has ended. It must not be
// called by a Handler.
func (u *UDP) Close() error {
	var err error
	u.closed.Do(func() {
		u.stopping.Store(true)
		for _, s := range u.sockets {
			err = errors.Join(err, s.close())
		}
	})
	u.loops.Wait()
	return err
}

func plain(a netip.AddrPort) netip.AddrPort {
	if a.Addr().Is4In6() {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return a
}
