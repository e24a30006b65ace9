package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// forgedSources sends each datagram from an address of its own, of all those of this
// machine's loopback network: that is what a flood of forged sources looks like from
// the inside, and needs no right.
func forgedSources(ctx context.Context, s *site) (outcome, error) {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return outcome{}, err
	}
	defer conn.Close()
	port := uint16(conn.LocalAddr().(*net.UDPAddr).Port)
	var failed error
	n := pace(ctx, 60_000, func(i int) {
		via := netip.AddrPortFrom(forged(i), port)
		if _, _, err := conn.WriteMsgUDPAddrPort(ofStranger(i, via).bytes(), unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: via.Addr().As4()}), s.proxy(0)); err != nil {
			failed = err
		}
	})
	return outcome{Note: sent(n, s, "REGISTERs, INVITEs, OPTIONS and MESSAGEs, each from another address")}, failed
}

// forged is the i-th of the addresses 127.128/9.
func forged(i int) netip.Addr {
	i %= 1 << 23
	return netip.AddrFrom4([4]byte{127, 128 | byte(i>>16), byte(i >> 8), byte(i)})
}

// ofStranger is what costs a proxy something: a registration, a transaction, an answer.
func ofStranger(i int, via netip.AddrPort) request {
	user := fmt.Sprintf("forged%d", i)
	switch i % 4 {
	case 0:
		return register(via, user, fmt.Sprintf("sip:%s@%s", user, via))
	case 1:
		return toUser("INVITE", via, user)
	case 2:
		return toUser("OPTIONS", via, user)
	}
	return toUser("MESSAGE", via, user)
}
