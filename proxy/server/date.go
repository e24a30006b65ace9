package server

import (
	"net/http"
	"sync/atomic"
	"time"
)

// dateLine is the Date header field (RFC 3261 20.17), written once a second.
type dateLine struct {
	last atomic.Pointer[dateOfSecond]
}

type dateOfSecond struct {
	second int64
	line   []byte
}

// append appends the line of a point in time.
func (d *dateLine) append(dst []byte, now time.Time) []byte {
	last := d.last.Load()
	if second := now.Unix(); last == nil || last.second != second {
		line := now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat+"\r\n")
		last = &dateOfSecond{second: second, line: line}
		d.last.Store(last)
	}
	return append(dst, last.line...)
}
