package transport

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/flow"
)

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
	var control [256]byte
	for n := range refusals {
		size, length, flags, to, err := unix.Recvmsg(int(fd), buf[:], control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		switch {
		case err == syscall.EINTR: //nolint:errorlint // a system call's own
			continue
		case err != nil:
			return n > 0
		case flags&unix.MSG_CTRUNC == 0 && isRefusal(control[:length]):
			h.Closed(flow.OverUDP(addressOf(to)), &Refused{Quote: buf[:size]})
		}
	}
	return true
}

// addressOf is where a datagram went, as the error queue tells it.
func addressOf(to unix.Sockaddr) netip.AddrPort {
	switch to := to.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(to.Addr), uint16(to.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(to.Addr).Unmap(), uint16(to.Port))
	}
	return netip.AddrPort{}
}

// MaxRefusal is the most of a datagram that Refused quotes, in bytes.
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
