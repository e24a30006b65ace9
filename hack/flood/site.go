package main

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// clusterName labels what the proxies send each other.
const clusterName = "flood"

// site is all that an attacker knows: whom to attack, and from where.
type site struct {
	Proxies []netip.Addr
	SIP     uint16 // UDP and TCP
	TLS     uint16
	WS      uint16
	WSS     uint16
	Peer    uint16
	Health  uint16
	Admin   uint16
	Seconds float64
}

// Last bytes of addresses in the network of a fleet.
const (
	phoneHost    = 200 // and up: the good phones
	attackerHost = 100
	strangerHost = 150 // of somebody who has nothing to do with all this
)

// gossip is where members gossiped, one below the peer port: what listens there
// now, if anything, is attacked all the same.
func (s *site) gossip() uint16 { return s.Peer - 1 }

// proxy is one of them by turns, at its SIP port.
func (s *site) proxy(i int) netip.AddrPort {
	return netip.AddrPortFrom(s.Proxies[i%len(s.Proxies)], s.SIP)
}

// tcp is one of them by turns, at another port.
func (s *site) tcp(i int, port uint16) string {
	return netip.AddrPortFrom(s.Proxies[i%len(s.Proxies)], port).String()
}

// host is an address of the proxies' network.
func (s *site) host(last byte) netip.Addr {
	b := s.Proxies[0].As4()
	b[3] = last
	return netip.AddrFrom4(b)
}

// dialer connects from an address of this network.
func dialer(from netip.Addr) *net.Dialer {
	return &net.Dialer{Timeout: dialTime, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
}

// dialTime is how long a connection may take to come about.
const dialTime = 2 * time.Second

// outcome is what an attacker tells of its attack.
type outcome struct {
	Note   string
	Faults []string // what it got and should not have
}

func (o *outcome) fault(format string, args ...any) {
	o.Faults = append(o.Faults, fmt.Sprintf(format, args...))
}
