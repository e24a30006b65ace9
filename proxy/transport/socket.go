package transport

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// listenReusePort binds one UDP socket. With share, more sockets may bind the
// same address, and the kernel spreads sources over them.
func listenReusePort(address netip.AddrPort, share bool, readBuffer int) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = setOptions(int(fd), share, readBuffer) }); cerr != nil {
			return cerr
		}
		return err
	}}
	network := "udp6"
	if address.Addr().Is4() || address.Addr().Is4In6() {
		network = "udp4"
	}
	conn, err := lc.ListenPacket(context.Background(), network, plain(address).String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

func setOptions(fd int, share bool, readBuffer int) error {
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	askForErrors(fd)
	// The privileged option exceeds net.core.rmem_max; without the privilege
	// the ordinary one takes what is allowed. Neither is worth failing for.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, readBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, readBuffer)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, writeBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, writeBuffer)
	}
	return nil
}

// writeBuffer is the kernel send buffer a socket asks for, in bytes: room for a
// burst, as nobody waits for a full one.
const writeBuffer = 1 << 20
