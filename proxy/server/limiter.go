package server

import "sync/atomic"

// limiter lets a number of events through each second; lock-free, safe for
// concurrent use. Around the turn of a second a few more may pass.
type limiter struct {
	perSecond int64
	second    atomic.Int64
	used      atomic.Int64
}

// allow reports whether one more may happen at now, in milliseconds.
func (l *limiter) allow(now int64) bool {
	if s := now / 1000; l.second.Load() != s {
		l.second.Store(s)
		l.used.Store(0)
	}
	return l.used.Add(1) <= l.perSecond
}
