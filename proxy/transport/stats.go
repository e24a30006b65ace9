package transport

import "sync/atomic"

// Stats are counts since the sockets were opened.
type Stats struct {
	Received, ReceivedBytes uint64
	Sent, SentBytes         uint64
	ReadErrors, SendErrors  uint64
}

// loopStats is padded so that loops do not share a cache line.
type loopStats struct {
	received, receivedBytes atomic.Uint64
	sent, sentBytes         atomic.Uint64
	readErrors, sendErrors  atomic.Uint64
	_                       [80]byte
}

// Stats sums the counts of all sockets.
func (u *UDP) Stats() Stats {
	var s Stats
	for i := range u.stats {
		l := &u.stats[i]
		s.Received += l.received.Load()
		s.ReceivedBytes += l.receivedBytes.Load()
		s.Sent += l.sent.Load()
		s.SentBytes += l.sentBytes.Load()
		s.ReadErrors += l.readErrors.Load()
		s.SendErrors += l.sendErrors.Load()
	}
	return s
}
