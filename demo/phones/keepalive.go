package phones

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// keepAliveBytes are what keeps a translation of NATs alive, and asks for no answer but one
// (RFC 5626 3.5.1).
var keepAliveBytes = []byte("\r\n\r\n")

// keepTranslated sends keep-alives over UDP until the phone is closed, the first within the
// interval, by chance, so that phones which registered at once do not send them at once.
func (p *Phone) keepTranslated() {
	first := time.Duration(rand.Int64N(int64(p.cfg.KeepAlive)))
	t := time.NewTimer(first)
	defer t.Stop()
	p.kept.Store(time.Now().Add(first - p.cfg.KeepAlive).UnixNano())
	for {
		select {
		case now := <-t.C:
			if to, err := netip.ParseAddrPort(p.proxy()); err == nil {
				_, _ = p.conn.WriteToUDPAddrPort(keepAliveBytes, to) // lost like any datagram
			}
			p.kept.Store(now.UnixNano())
			t.Reset(p.cfg.KeepAlive)
		case <-p.served:
			return
		}
	}
}

// NextKeepAlive is when a phone with keep-alives over UDP will have sent, or has sent, the
// first one after a moment of the last interval; the zero value for another.
func (p *Phone) NextKeepAlive(after time.Time) time.Time {
	last := p.kept.Load()
	if last == 0 {
		return time.Time{}
	}
	at := time.Unix(0, last)
	for !at.After(after) {
		at = at.Add(p.cfg.KeepAlive)
	}
	return at
}
