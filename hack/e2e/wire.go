//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// datagram is one of UDP by IPv4.
type datagram struct {
	from, to netip.AddrPort
	text     []byte // of the first fragment alone
}

// wire is what comes to a machine and leaves it, as it is outside: after the rules that
// change what leaves, and before those for what comes.
type wire struct {
	fd      int
	reading sync.WaitGroup
	ended   chan struct{}
}

// wireRoom is of the queue between kernel and reader, and wirePoll is how long the end of it
// may take.
const (
	wireRoom = 16 << 20
	wirePoll = 200 // ms
)

// tap calls note with each datagram until the wire is closed. It belongs to the network
// namespace that it is called in.
func tap(note func(datagram)) (*wire, error) {
	all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}) // in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wireRoom),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: wirePoll * 1000}),
	); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	w := &wire{fd: fd, ended: make(chan struct{})}
	w.reading.Go(func() { w.read(note) })
	return w, nil
}

func (w *wire) read(note func(datagram)) {
	buf := make([]byte, 1<<16)
	for {
		select {
		case <-w.ended:
			return
		default:
		}
		n, _, err := unix.Recvfrom(w.fd, buf, 0)
		if err != nil {
			continue // nothing came
		}
		if d, ok := parseDatagram(buf[:n]); ok {
			note(d)
		}
	}
}

// close returns when nothing is noted any more, and how many datagrams went by unseen.
func (w *wire) close() (missed uint32, err error) {
	close(w.ended)
	w.reading.Wait()
	stats, err := unix.GetsockoptTpacketStats(w.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err == nil {
		missed = stats.Drops
	}
	return missed, errors.Join(err, unix.Close(w.fd))
}

const protocolUDP = 17

// parseDatagram reads a packet (RFC 791 3.1, RFC 768). Of one in fragments the first has the ports.
func parseDatagram(packet []byte) (d datagram, ok bool) {
	if len(packet) < 20 || packet[0]>>4 != 4 || packet[9] != protocolUDP {
		return d, false
	}
	if offset := binary.BigEndian.Uint16(packet[6:]) & 0x1fff; offset != 0 {
		return d, false
	}
	head := int(packet[0]&0xf) * 4
	end := min(len(packet), int(binary.BigEndian.Uint16(packet[2:])))
	if head < 20 || end < head+8 {
		return d, false
	}
	address := func(from int) netip.Addr { return netip.AddrFrom4([4]byte(packet[from : from+4])) }
	port := func(from int) uint16 { return binary.BigEndian.Uint16(packet[from:]) }
	d.from, d.to = netip.AddrPortFrom(address(12), port(head)), netip.AddrPortFrom(address(16), port(head+2))
	d.text = packet[head+8 : end]
	return d, true
}
