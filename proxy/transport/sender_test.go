package transport

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/flow"
)

// Loss on the way out is as normal as elsewhere: retransmissions are for that.
func TestFullSendBufferLosesTheDatagramAndHoldsNobodyUp(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conn, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	u := open(t, "127.0.0.1:0", 1)
	s, to := u.sockets[0], netip.MustParseAddrPort("127.0.0.1:9")
	kept := s.fd
	err = raw.Control(func(fd uintptr) { // a stream heeds no address, and fills up where loopback drops datagrams
		s.fd = fd
		for s.write(to, make([]byte, 1<<16)) == 0 {
		}
		sent := u.Stats()
		if err := u.Send(flow.OverUDP(to), make([]byte, 100)); err != nil {
			t.Errorf("told %v", err)
		}
		if now := u.Stats(); now.SendErrors != sent.SendErrors+1 || now.Sent != sent.Sent {
			t.Errorf("%+v after %+v", now, sent)
		}
		s.fd = kept
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLossIsNoError(t *testing.T) {
	for errno, want := range map[syscall.Errno]bool{
		unix.EAGAIN: true, unix.ENOBUFS: true, unix.ENOMEM: true, unix.EPERM: true,
		unix.EMSGSIZE: false, unix.ENETUNREACH: false, unix.EAFNOSUPPORT: false, unix.EINVAL: false,
	} {
		if isLoss(errno) != want {
			t.Errorf("%v: loss %v", errno, !want)
		}
	}
}
