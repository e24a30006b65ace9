package peer

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// clock is the time of the state machines, which does not fall, and tells of
// stops that it does not show. Safe for concurrent use.
//
// CLOCK_MONOTONIC stands still while the machine is suspended, CLOCK_BOOTTIME
// does not. Reading that is a system call, so it is read only when the wall
// clock has left the monotonic one: a suspended machine sets its wall clock
// right as it goes on, and so does, sooner or later, a virtual one that its host
// paused, for which all its other clocks stand still.
type clock struct {
	read func() (wall, mono int64) // ms; must cost little
	boot func() int64              // ms of CLOCK_BOOTTIME less those of CLOCK_MONOTONIC

	begun int64        // ms since 1970 at mono 0
	skew  atomic.Int64 // wall less begun and mono, as last looked at
	slept atomic.Int64 // boot, beyond its value at the beginning
	base  int64        // that value
	// stops counts the times at which this process may have been stopped.
	stops atomic.Uint64
}

// maxSkew is by how much, in ms, the wall clock may leave the monotonic one
// before it is looked at: no stop that is shorter is taken for death by a peer.
const maxSkew = 400

func newClock() *clock {
	began := time.Now()
	return startClock(func() (wall, mono int64) {
		t := time.Now()
		return t.UnixMilli(), t.Sub(began).Milliseconds()
	}, sleptSinceBoot)
}

func startClock(read func() (wall, mono int64), boot func() int64) *clock {
	wall, mono := read()
	return &clock{read: read, boot: boot, begun: wall - mono, base: boot()}
}

// now is milliseconds since 1970, by the wall clock at the start: they go on
// while the machine is suspended, and do not jump when its clock is set.
func (c *clock) now() int64 {
	wall, mono := c.read()
	if off := wall - c.begun - mono - c.skew.Load(); off > maxSkew || off < -maxSkew {
		c.look(off)
	}
	return c.begun + mono + c.slept.Load()
}

// follow takes up what the wall clock is slewed by, which is no jump. Call it
// now and then.
func (c *clock) follow() {
	c.now()
	wall, mono := c.read()
	c.skew.Store(wall - c.begun - mono)
}

// look tells why the clocks differ by off more than they did. A wall clock that
// was set back says nothing; one that was set ahead may have stood still.
func (c *clock) look(off int64) {
	slept := max(0, c.boot()-c.base)
	for was := c.slept.Load(); slept > was && !c.slept.CompareAndSwap(was, slept); was = c.slept.Load() {
	}
	if was := c.skew.Load(); c.skew.CompareAndSwap(was, was+off) && off > 0 {
		c.stops.Add(1)
	}
}

// sleptSinceBoot is for how long the machine has been suspended, in ms.
func sleptSinceBoot() int64 {
	var boot, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
		return 0
	}
	return (boot.Nano() - mono.Nano()) / 1e6
}
