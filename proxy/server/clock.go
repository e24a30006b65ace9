package server

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/token"
)

// clock is the server's time: milliseconds since it began, which do not fall, and
// the time of day. Reading a clock costs as much as parsing a header, so a message is
// handled at one time, that of its arrival or of what it has waited for, and the time
// of day is read anew only now and then. Safe for concurrent use.
type clock struct {
	began time.Time
	last  atomic.Pointer[timeOfDay]
}

// timeOfDay is what messages need of the time of day.
type timeOfDay struct {
	until int64 // milliseconds: then it is read anew
	unix  int64 // seconds
	ahead int64 // milliseconds: of the time since 1970, of the server's clock
	hour  uint16
	date  []byte // header line (RFC 3261 20.17)
}

// dayMillis is for how long a time of day is taken.
const dayMillis = 100

func (c *clock) since() time.Duration { return time.Since(c.began) }

func (c *clock) now() int64 { return c.since().Milliseconds() }

// day is the time of day at now.
func (c *clock) day(now int64) *timeOfDay {
	if d := c.last.Load(); d != nil && now < d.until {
		return d
	}
	return c.read(now, time.Now())
}

// read takes t as the time of day at now.
func (c *clock) read(now int64, t time.Time) *timeOfDay {
	d := &timeOfDay{until: now + dayMillis, unix: t.Unix(), ahead: t.UnixMilli() - now}
	if last := c.last.Load(); last != nil && last.unix == d.unix {
		d.hour, d.date = last.hour, last.date
	} else {
		d.hour, d.date = token.Hour(d.unix), t.UTC().AppendFormat([]byte("Date: "), http.TimeFormat+"\r\n")
	}
	c.last.Store(d)
	return d
}
