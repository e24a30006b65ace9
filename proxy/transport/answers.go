package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxAnswer is the longest datagram that is kept for the others, in bytes.
const maxAnswer = 2048

// answers are datagrams that leave a socket together with one sendmmsg(2), as soon as
// the loop has handled those that it has read together: under load that saves most
// system calls, and most of the times that somebody is woken up. The headers hold
// pointers into answers itself, which is why it is only made on the heap.
type answers struct {
	open atomic.Bool // the loop is handling datagrams, and sends what is here then

	mu      sync.Mutex // for the rest; whoever sends does not wait for it
	n       int
	headers [batchSize]mmsghdr
	iovecs  [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6 // the larger of the two kinds
	buffers [batchSize][maxAnswer]byte
}

func newAnswers() *answers {
	a := &answers{}
	for i := range a.headers {
		a.iovecs[i].Base = &a.buffers[i][0]
		h := &a.headers[i].header
		h.Iov, h.Name = &a.iovecs[i], (*byte)(unsafe.Pointer(&a.names[i]))
		h.SetIovlen(1)
	}
	return a
}

// answer sends a datagram, now or with those that follow, and counts it.
func (s *sender) answer(to netip.AddrPort, data []byte, stats *loopStats) {
	if !s.keep(to, data, stats) {
		stats.countSend(len(data), s.send(to, data))
	}
}

// keep keeps a copy of a datagram, and reports whether it has: not where nobody would send
// it soon.
func (s *sender) keep(to netip.AddrPort, data []byte, stats *loopStats) bool {
	a := s.answers
	if !a.open.Load() || len(data) > maxAnswer || len(data) == 0 || !a.mu.TryLock() {
		return false
	}
	defer a.mu.Unlock()
	if !a.open.Load() {
		return false
	}
	if a.n == batchSize {
		s.flush(stats)
	}
	length := putName(&a.names[a.n], s.six, to)
	if length == 0 {
		return false
	}
	a.headers[a.n].header.Namelen = length
	a.iovecs[a.n].SetLen(copy(a.buffers[a.n][:], data))
	a.n++
	return true
}

// hold has answers kept until release. Both are the loop's.
func (s *sender) hold() { s.answers.open.Store(true) }

// release sends the answers that were kept.
func (s *sender) release(stats *loopStats) {
	s.answers.mu.Lock()
	s.answers.open.Store(false)
	s.flush(stats)
	s.answers.mu.Unlock()
}

// flush sends the answers, and counts them. Its caller has the lock.
func (s *sender) flush(stats *loopStats) {
	a := s.answers
	left := a.headers[:a.n]
	if a.n = 0; s.users.Add(1) < 0 {
		left = nil // nothing leaves a closed socket
	}
	for failures := 0; len(left) > 0; {
		n, errno := s.writeAll(left)
		for i := range n {
			stats.countSend(int(left[i].length), nil)
		}
		if left = left[n:]; len(left) == 0 {
			break
		}
		// The error is of an earlier datagram, or the next one's own: see send.
		if s.errors.Store(true); n > 0 {
			failures = 0
			continue
		}
		if failures++; failures > staleErrors || isLoss(errno) {
			stats.countSend(0, errno)
			left, failures = left[1:], 0
		}
	}
	s.users.Add(-1)
}

// writeAll sends datagrams up to the first that cannot be sent, whose error it tells if
// that is the first of all.
func (s *sender) writeAll(headers []mmsghdr) (n int, errno syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, s.fd, uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}
