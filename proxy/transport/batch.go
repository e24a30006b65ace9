package transport

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many datagrams one system call takes from a socket.
const batchSize = 32

// batch receives several datagrams with one recvmmsg(2). Under load that saves
// most system calls; when idle it costs what one receive does. The headers hold
// pointers into the batch itself, which is why it is only made on the heap.
type batch struct {
	headers [batchSize]mmsghdr
	iovecs  [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6 // the larger of the two kinds
	buffers []byte
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

func newBatch() *batch {
	b := &batch{buffers: make([]byte, batchSize*MaxDatagram)}
	for i := range b.headers {
		b.iovecs[i].Base = &b.buffers[i*MaxDatagram]
		b.iovecs[i].SetLen(MaxDatagram)
		h := &b.headers[i].header
		h.Iov, h.Name = &b.iovecs[i], (*byte)(unsafe.Pointer(&b.names[i]))
		h.SetIovlen(1)
	}
	return b
}

// receive takes what is there, at most batchSize datagrams, and never waits. A
// system call that cannot wait need not be announced to the scheduler, which
// would wake its monitor thread for every message on an otherwise idle proxy.
func (b *batch) receive(fd uintptr) (n int, err syscall.Errno) {
	for i := range b.headers {
		b.headers[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	r, _, err := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.headers[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if err != 0 {
		return 0, err
	}
	return int(r), 0
}

// datagram is the i-th one received and where it came from.
func (b *batch) datagram(i int) (data []byte, source netip.AddrPort) {
	start := i * MaxDatagram
	n := min(int(b.headers[i].length), MaxDatagram)
	return b.buffers[start : start+n : start+n], b.source(i)
}

func (b *batch) source(i int) netip.AddrPort {
	name := &b.names[i]
	port := (*[2]byte)(unsafe.Pointer(&name.Port)) // network byte order, at the same place in both kinds
	p := uint16(port[0])<<8 | uint16(port[1])
	switch name.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), p)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), p)
	}
	return netip.AddrPort{}
}
