package transport

import (
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
