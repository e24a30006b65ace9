package fleet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/sipring/sipring/proxy/config"
)

// Network is a /24 of loopback addresses that one fleet has for itself, and the
// ports that are free on it: .1 is the cluster, .11 and up the proxies, .200 and
// up the phones.
type Network struct {
	base  netip.Addr
	Ports config.Ports
	// TLS, WS and WSS are the ports for those. TCP's is that of UDP, Ports.SIP.
	TLS, WS, WSS int
	claim        net.Listener // what keeps others away
}

// FirstNetwork is the first of the networks tried where none is asked for.
const (
	FirstNetwork  = "127.77.0.0"
	networksTried = 32
)

// claimPort at .254 is bound by who has the network: a port that nobody else is
// likely to use, and that is free again however its owner ends.
const claimPort = 17077

// portShift is added to all ports when another program has one of them, on all
// addresses perhaps, as a metrics server on 9090 may.
const (
	portShift  = 10000
	portShifts = 5
)

// errTaken: another demo or test has the network.
var errTaken = errors.New("another demo uses it")

// Claim takes the wanted network, or the first free one if that is empty.
func Claim(wanted string, proxies int) (*Network, error) {
	if wanted != "" {
		return claimOne(netip.MustParseAddr(wanted), proxies)
	}
	b := netip.MustParseAddr(FirstNetwork).As4()
	for range networksTried {
		n, err := claimOne(netip.AddrFrom4(b), proxies)
		if !errors.Is(err, errTaken) {
			return n, err
		}
		b[2]++
	}
	return nil, fmt.Errorf("%d demos run already, from network %s on; give --network another", networksTried, FirstNetwork)
}

func claimOne(base netip.Addr, proxies int) (*Network, error) {
	n := &Network{base: base}
	at := netip.AddrPortFrom(n.Host(254), claimPort)
	l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(at))
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errTaken
	}
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", base, err)
	}
	n.claim = l
	if err := n.takePorts(n.addresses(proxies)); err != nil {
		n.Release()
		return nil, fmt.Errorf("network %s: %w", base, err)
	}
	return n, nil
}

// Release lets another have the network.
func (n *Network) Release() { _ = n.claim.Close() }

// Host is the address with that last byte.
func (n *Network) Host(last byte) netip.Addr {
	b := n.base.As4()
	b[3] = last
	return netip.AddrFrom4(b)
}

// Proxy is the address of the proxy of that index.
func (n *Network) Proxy(i int) netip.Addr { return n.Host(byte(11 + i)) }

// Cluster is where phones send.
func (n *Network) Cluster() netip.AddrPort {
	return netip.AddrPortFrom(n.Host(1), uint16(n.Ports.SIP))
}

// addresses are the cluster's and those of the proxies.
func (n *Network) addresses(proxies int) []netip.Addr {
	out := []netip.Addr{n.Host(1)}
	for i := range proxies {
		out = append(out, n.Proxy(i))
	}
	return out
}

// takePorts takes the default ports, or those shifted, that nobody has at any of
// the addresses. Another program could take one until the proxies bind them;
// then a proxy ends and says so.
func (n *Network) takePorts(addresses []netip.Addr) error {
	var first error
	for k := range portShifts {
		shift := k * portShift
		n.Ports = config.Ports{
			SIP: config.DefaultSIPPort + shift, Peer: config.DefaultPeerPort + shift,
			Health: config.DefaultHealthPort + shift, Admin: config.DefaultAdminPort + shift,
		}
		n.TLS, n.WS, n.WSS = config.DefaultSIPSPort+shift, config.DefaultWSPort+shift, config.DefaultWSSPort+shift
		err := n.tryPorts(addresses)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("no free ports: %w", first)
}

func (n *Network) tryPorts(addresses []netip.Addr) error {
	for _, a := range addresses {
		for _, port := range []int{n.Ports.SIP, n.Ports.Peer, n.Ports.Health, n.Ports.Admin, n.TLS, n.WS, n.WSS} {
			if err := tryPort(netip.AddrPortFrom(a, uint16(port))); err != nil {
				return err
			}
		}
	}
	return nil
}

// tryPort binds the address for UDP and TCP and lets it go again.
func tryPort(a netip.AddrPort) error {
	u, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
	if err != nil {
		return err
	}
	_ = u.Close()
	t, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(a))
	if err != nil {
		return err
	}
	return t.Close()
}
