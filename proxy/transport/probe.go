package transport

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// keeping is how TCP finds out that a far end is not there any more: by probes after so
// many seconds without a word, so many seconds apart, the last of so many; or by what was
// sent and not taken in so many ms.
type keeping struct{ idle, interval, count, unanswered int }

var (
	// usual is as long as a transaction takes to give up (RFC 3261 17.1.1.2) for what is
	// sent, not the quarter of an hour of TCP.
	usual = keeping{idle: 60, interval: 15, count: 4, unanswered: 32_000}
	// probing asks at once, and once more.
	probing = keeping{idle: 1, interval: 1, count: 2, unanswered: 2_000}
)

// probeTime is how long a connection is probed for.
const probeTime = 5 * time.Second

// keep sets the options of the kernel. What is over has none.
func (o *outbox) keep(k keeping) {
	_ = o.raw.Control(func(fd uintptr) {
		for _, option := range []struct{ number, value int }{
			{unix.TCP_USER_TIMEOUT, k.unanswered}, {unix.TCP_KEEPINTVL, k.interval}, {unix.TCP_KEEPCNT, k.count}, {unix.TCP_KEEPIDLE, k.idle},
		} {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option.number, option.value)
		}
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	})
}

// probe asks whether the far end is there, unless that is being asked.
func (c *conn) probe() {
	if c.probed.CompareAndSwap(false, true) {
		c.out.keep(probing)
		time.AfterFunc(probeTime, func() {
			c.out.keep(usual)
			c.probed.Store(false)
		})
	}
}

// A connection may be over in one direction: what is sent arrives, and the far end's TCP
// says so to nobody, as its packets go elsewhere. It does not know, and need not find out
// for long. So of what is sent TCP is asked whether it was taken.
const (
	// takeTime is how long that may take, and lookAgain how soon it is asked again while
	// something is on its way.
	takeTime  = 2 * time.Second
	lookAgain = 500 * time.Millisecond
	// takeTries is how often TCP has sent it again by then, at least: where packets take
	// long, that is later.
	takeTries = 3
)

// watch looks in a while whether the far end has taken what was sent.
func (c *conn) watch() {
	if c.watched.CompareAndSwap(false, true) {
		c.watcher.Reset(takeTime)
	}
}

// unwatched is a watcher that is to look at nothing yet.
func (c *conn) unwatched() *time.Timer {
	t := time.AfterFunc(takeTime, c.look)
	t.Stop()
	return t
}

// look ends a connection whose far end takes nothing, and tells it: what goes there finds
// its way.
func (c *conn) look() {
	c.watched.Store(false) // what is sent from now on is watched by another look
	waits, dead := c.out.untaken()
	switch {
	case c.over() || !waits:
	case dead:
		c.out.abort()
		c.end(closedUntaken)
	case c.watched.CompareAndSwap(false, true):
		c.watcher.Reset(lookAgain)
	}
}

// untaken reports whether the far end has still to take something, and whether it has
// taken nothing for long.
func (o *outbox) untaken() (waits, dead bool) {
	_ = o.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			waits = info.Unacked > 0
			dead = waits && info.Retransmits >= takeTries && time.Duration(info.Last_ack_recv)*time.Millisecond >= takeTime
		}
	})
	return waits, dead
}

// abort has the connection be ended by a reset.
func (o *outbox) abort() { _ = o.Conn.(*net.TCPConn).SetLinger(0) }
