package transaction

import (
	"math"
	"time"
)

// Timers are the timer values of RFC 3261 table 4. A field that is zero or
// negative takes its default.
type Timers struct {
	// T1 is the estimated round-trip time. Default 500 ms.
	T1 time.Duration
	// T2 is the longest interval between retransmissions of a non-INVITE request
	// and of a final response to INVITE. Default 4 s.
	T2 time.Duration
	// T4 is how long a message stays in the network. Default 5 s.
	T4 time.Duration
	// C is how long a branch may ring after its last provisional response other
	// than 100. RFC 3261 16.6 step 11 wants more than 3 minutes. Default 185 s.
	C time.Duration
	// D is how long an unreliable client transaction answers retransmissions of a
	// failure to INVITE with ACK. RFC 3261 17.1.1.2 wants at least 32 s. Default
	// 32 s.
	D time.Duration
	// Ring is how long an INVITE may ring in all, from its first provisional response
	// other than 100: each of those restarts Timer C (RFC 3261 16.8), which alone
	// would let a target that repeats them hold a call for ever. Default 600 s.
	Ring time.Duration
	// Gone is for how long an INVITE goes on whose caller's connection is over: it may come
	// back, and send the INVITE again. Default 8 s.
	Gone time.Duration
	// Last is how long other targets may ring before those are tried that are Last. Default
	// 20 s.
	Last time.Duration
}

// never is the time of a timer that is not set.
const never = math.MaxInt64

// intervals are the Timers in milliseconds.
type intervals struct {
	t1, t2, t4, c, d int64
	ring, gone, last int64
	timeout          int64 // 64*T1: timers B, F, H, J, L, M
	late100          int64 // when Timer E has come to T2 (RFC 4320 4.1)
}

func (t Timers) intervals() intervals {
	ms := func(d, def time.Duration) int64 {
		if d <= 0 {
			d = def
		}
		return max(d.Milliseconds(), 1)
	}
	i := intervals{
		t1: ms(t.T1, 500*time.Millisecond),
		t2: ms(t.T2, 4*time.Second),
		t4: ms(t.T4, 5*time.Second),
		c:  ms(t.C, 185*time.Second),
		d:  ms(t.D, 32*time.Second),

		ring: ms(t.Ring, 600*time.Second),
		gone: ms(t.Gone, 8*time.Second),
		last: ms(t.Last, 20*time.Second),
	}
	i.timeout = 64 * i.t1
	for e := i.t1; e < i.t2; e *= 2 {
		i.late100 += e
	}
	return i
}

// unless returns d, or 0 over a reliable transport.
func unless(reliable bool, d int64) int64 {
	if reliable {
		return 0
	}
	return d
}
