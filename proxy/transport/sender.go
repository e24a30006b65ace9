package transport

import (
	"math"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sender writes datagrams to one socket without telling the scheduler, as batch
// reads them. It counts who is writing, so that the descriptor is not closed,
// and given to another file, under a write.
type sender struct {
	conn  *net.UDPConn
	fd    uintptr
	six   bool // an IPv6 socket
	users atomic.Int64
	// errors: a send was told of an error that an earlier datagram brought on.
	// What it was is in the error queue, for the loop to take.
	errors  atomic.Bool
	answers *answers
}

func newSender(conn *net.UDPConn) (*sender, error) {
	s := &sender{conn: conn, answers: newAnswers(), six: plain(conn.LocalAddr().(*net.UDPAddr).AddrPort()).Addr().Is6()}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	return s, raw.Control(func(fd uintptr) { s.fd = fd })
}

// staleErrors is how many errors of earlier datagrams a send puts up with; one
// that stays is its own.
const staleErrors = 3

// closing is added to users when no new ones are let in.
const closing = math.MinInt64 / 2

// send writes one datagram. It never waits: whoever sends may hold a lock.
func (s *sender) send(to netip.AddrPort, data []byte) error {
	if s.users.Add(1) < 0 {
		s.users.Add(-1)
		return net.ErrClosed
	}
	errno := s.write(to, data)
	for range staleErrors {
		if errno == 0 || isLoss(errno) {
			break
		}
		s.errors.Store(true)
		errno = s.write(to, data)
	}
	s.users.Add(-1)
	if errno == 0 {
		return nil
	}
	return errno
}

// isLoss reports whether an error of a send means that this datagram is lost,
// and the next one may get through: a full send buffer, queue of the interface
// (told since IP_RECVERR is set) or connection tracking table.
func isLoss(err error) bool {
	switch err {
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM, unix.EPERM: //nolint:errorlint // a system call's own
		return true
	}
	return false
}

func (s *sender) write(to netip.AddrPort, data []byte) syscall.Errno {
	var name unix.RawSockaddrInet6
	length := putName(&name, s.six, to)
	if length == 0 {
		return unix.EAFNOSUPPORT
	}
	_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, s.fd, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&name)), uintptr(length))
	return errno
}

// putName writes an address for a socket of IPv6, or of IPv4, and returns its length: 0
// where the socket does not reach it.
func putName(name *unix.RawSockaddrInet6, six bool, to netip.AddrPort) uint32 {
	switch {
	case six:
		*name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
		putPort(&name.Port, to.Port())
		return unix.SizeofSockaddrInet6
	case to.Addr().Is4():
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
		putPort(&v4.Port, to.Port())
		return unix.SizeofSockaddrInet4
	}
	return 0
}

// putPort writes a port in network byte order.
func putPort(field *uint16, port uint16) {
	b := (*[2]byte)(unsafe.Pointer(field))
	b[0], b[1] = byte(port>>8), byte(port)
}

// close lets nobody write any more, waits for those who do, which takes no
// longer than a system call, and closes the socket.
func (s *sender) close() error {
	if s.users.Add(closing) < closing {
		return nil // closed before
	}
	for s.users.Load() != closing {
		runtime.Gosched()
	}
	return s.conn.Close()
}
