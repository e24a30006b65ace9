package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// receiveNow takes what a connection has, and sendNow gives it as much as it has room
// for. Neither waits, nor tells the scheduler, whose monitor thread would be woken up for
// each message on a proxy that is otherwise idle: see batch.receive.
func receiveNow(fd uintptr, b []byte) (int, error) { return transferNow(unix.SYS_RECVFROM, fd, b, 0) }

func sendNow(fd uintptr, b []byte) (int, error) {
	return transferNow(unix.SYS_SENDTO, fd, b, unix.MSG_NOSIGNAL)
}

func transferNow(call, fd uintptr, b []byte, flags uintptr) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, unix.EAGAIN // a constant needs no memory
		}
		return 0, errno
	}
}
