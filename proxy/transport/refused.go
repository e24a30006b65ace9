package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RefusalHandler is a Handler that wants to know of datagrams that came back
// because nobody listens where they went (RFC 3261 18.4).
type RefusalHandler interface {
	// HandleRefusal is given the beginning of a datagram that was sent from any
	// socket of the UDP, as far as the ICMP error quotes it: of most hosts 500
	// bytes and more, of some routers nothing. It is called by the loop's
	// goroutine, data is valid during the call only. The word is anybody's: an
	// ICMP error can be made up by whoever knows the addresses.
	HandleRefusal(data []byte)
}

// refusals is how many errors are taken before datagrams have their turn again.
const refusals = 64

// askForErrors has the kernel keep ICMP errors for the socket (ip(7),
// ipv6(7)). Where it does not, none is told of.
func askForErrors(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
}

// takeRefusals empties the error queue of a socket, by at most refusals at a
// time, and reports whether there was anything.
func takeRefusals(fd uintptr, h Handler, buf *[MaxRefusal]byte) bool {
	listener, _ := h.(RefusalHandler)
	var control [256]byte
	for n := range refusals {
		size, length, flags, _, err := unix.Recvmsg(int(fd), buf[:], control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR: //nolint:errorlint // a system call's own
			continue
		case err != nil:
			return n > 0
		case listener != nil && flags&unix.MSG_CTRUNC == 0 && isRefusal(control[:length]):
			listener.HandleRefusal(buf[:size])
		}
	}
	return true
}

// MaxRefusal is the most of a datagram that HandleRefusal is given, in bytes.
const MaxRefusal = 1024

// isRefusal reports whether the control messages of an error are about a port or
// protocol that is closed. That a host or network cannot be reached may pass
// (RFC 1122 3.2.2.1: but a hint); retransmissions go on for that.
func isRefusal(control []byte) bool {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return false
	}
	for i := range messages {
		m := &messages[i]
		ours := m.Header.Level == unix.SOL_IP && m.Header.Type == unix.IP_RECVERR ||
			m.Header.Level == unix.SOL_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !ours || len(m.Data) < int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			continue
		}
		e := (*unix.SockExtendedErr)(unsafe.Pointer(unsafe.SliceData(m.Data)))
		fromNetwork := e.Origin == unix.SO_EE_ORIGIN_ICMP || e.Origin == unix.SO_EE_ORIGIN_ICMP6
		return fromNetwork && (e.Errno == uint32(unix.ECONNREFUSED) || e.Errno == uint32(unix.ENOPROTOOPT))
	}
	return false
}
