package transport

import "sync/atomic"

// Stats are counts since the sockets were opened.
type Stats struct {
	Received      uint64 `metric:"datagrams_total{direction=in}" help:"UDP datagrams."`
	Sent          uint64 `metric:"datagrams_total{direction=out}"`
	ReceivedBytes uint64 `metric:"datagram_bytes_total{direction=in}" help:"Bytes of UDP datagrams, without their headers."`
	SentBytes     uint64 `metric:"datagram_bytes_total{direction=out}"`
	ReadErrors    uint64 `metric:"udp_errors_total{direction=in}" help:"Errors of the UDP sockets."`
	SendErrors    uint64 `metric:"udp_errors_total{direction=out}"`
	// KernelDrops are datagrams that the kernel dropped at the sockets, for want of
	// room as a rule.
	KernelDrops uint64 `metric:"udp_kernel_drops_total" help:"UDP datagrams that the kernel dropped at the sockets, as they came faster than they were read."`
}

// loopStats is padded so that loops do not share a cache line.
type loopStats struct {
	received, receivedBytes atomic.Uint64
	sent, sentBytes         atomic.Uint64
	readErrors, sendErrors  atomic.Uint64
	_                       [80]byte
}

// countSend counts a datagram that was sent, or was not.
func (l *loopStats) countSend(size int, err error) {
	if err != nil {
		l.sendErrors.Add(1)
		return
	}
	l.sent.Add(1)
	l.sentBytes.Add(uint64(size))
}

// Stats sums the counts of all sockets, and asks the kernel for its own: it is for a
// scrape, not for every message.
func (u *UDP) Stats() Stats {
	s := Stats{KernelDrops: u.drops()}
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
