package node_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Ports of the node that are no listener's: of a service at all addresses, and one that is
// translated to it, as kube-proxy does with the ports of Services.
const servicePort, nodePort = 7000, 30000

// echo answers datagrams and connections at an address of the node.
func (p *place) echo(network, at string) {
	p.t.Helper()
	p.do(func() {
		if network == "tcp" {
			l, err := net.Listen(network, at)
			if err != nil {
				p.t.Error(err)
				return
			}
			p.t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_ = c.Close()
				}
			}()
			return
		}
		c, err := net.ListenPacket(network, at)
		if err != nil {
			p.t.Error(err)
			return
		}
		p.t.Cleanup(func() { _ = c.Close() })
		go func() {
			buffer := make([]byte, 1<<16)
			for {
				n, from, err := c.ReadFrom(buffer)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(buffer[:n], from)
			}
		}()
	})
}

// translate has the node translate a port of its own into another, at whatever address of
// it, as a Service of type NodePort does.
func (p *place) translate(from, to uint16) {
	p.t.Helper()
	p.do(func() {
		c := &nftables.Conn{}
		table := c.AddTable(&nftables.Table{Name: "node-ports", Family: nftables.TableFamilyINet})
		chain := c.AddChain(&nftables.Chain{Table: table, Name: "prerouting", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(from)},
			&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(to)},
			&expr.Redir{RegisterProtoMin: 1},
		}})
		check(p.t, c.Flush())
	})
}

// reaches says whether something answers: for datagrams, the very bytes, from the
// address that they were sent to.
func (p *place) reaches(network, address string, port, size int) (is bool) {
	p.t.Helper()
	const patience = 500 * time.Millisecond
	at := net.JoinHostPort(address, fmt.Sprint(port))
	p.do(func() {
		c, err := net.DialTimeout(network, at, patience)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if is = network == "tcp"; is {
			return
		}
		sent, got := make([]byte, size), make([]byte, size+1)
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write(sent); err != nil {
			p.t.Error(err)
		}
		n, err := c.Read(got)
		is = err == nil && n == size
	})
	return is
}

// TestGuard: at the shared address the listeners are reached, with datagrams of any size,
// and nothing else of the node is, whether it listens at all addresses or is translated to.
func TestGuard(t *testing.T) {
	t.Parallel()
	for shared, own := range map[string]string{shareFour: nodeFour, shareSix: nodeSix} {
		node, outside := newPlaces(t)
		node.translate(nodePort, servicePort)
		for _, network := range []string{"udp", "tcp"} {
			node.echo(network, fmt.Sprintf("[::]:%d", servicePort))
		}
		node.hold(configured(t, "ring", sharing(shareFour, shareSix)+listening))
		node.echo("udp", net.JoinHostPort(shared, "5060"))
		node.echo("tcp", net.JoinHostPort(shared, "5061"))
		for what, tt := range map[string]struct {
			network, address string
			port, size       int
			want             bool
		}{
			"the listener of UDP":             {"udp", shared, 5060, 100, true},
			"of the longest datagram":         {"udp", shared, 5060, 60000, true},
			"the listener of TCP":             {"tcp", shared, 5061, 0, true},
			"a service at the node's":         {"udp", own, servicePort, 100, true},
			"over TCP at the node's":          {"tcp", own, servicePort, 0, true},
			"a translated port at the node's": {"tcp", own, nodePort, 0, true},
			"a service":                       {"udp", shared, servicePort, 100, false},
			"a service, in fragments":         {"udp", shared, servicePort, 5000, false},
			"over TCP":                        {"tcp", shared, servicePort, 0, false},
			"a translated port":               {"tcp", shared, nodePort, 0, false},
		} {
			if got := outside.reaches(tt.network, tt.address, tt.port, tt.size); got != tt.want {
				t.Errorf("%s (%s) is reached: %v", what, tt.address, got)
			}
		}
		// What listens at all addresses as well, at the listener's port of another protocol.
		node.echo("tcp", "[::]:5060")
		if outside.reaches("tcp", shared, 5060, 0) || !outside.reaches("tcp", own, 5060, 0) {
			t.Errorf("the listener's port is one of UDP: at %s it is reached over TCP, or not at %s", shared, own)
		}
	}
}

// TestOtherListeners: what a process was started with is in force, not what one before it
// had.
func TestOtherListeners(t *testing.T) {
	t.Parallel()
	node, outside := newPlaces(t)
	_ = node.hold(configured(t, "ring", sharing(shareFour)+listening)).end(syscall.SIGKILL)
	node.hold(configured(t, "ring", sharing(shareFour)+"listeners: [{name: a, protocol: UDP, port: 5080}]\n"))
	for _, port := range []int{5060, 5080} {
		node.echo("udp", fmt.Sprintf("%s:%d", shareFour, port))
		for _, size := range []int{100, 5000} { // in fragments, which nothing puts together before the guard here
			if got := outside.reaches("udp", shareFour, port, size); got != (port == 5080) {
				t.Errorf("port %d is reached by %d bytes: %v", port, size, got)
			}
		}
	}
}

// TestEcho: what ICMP says of the path comes through, which echo stands for.
func TestEcho(t *testing.T) {
	t.Parallel()
	node, outside := newPlaces(t)
	node.hold(configured(t, "ring", sharing(shareFour, shareSix)+listening))
	for network, tt := range map[string]struct {
		to            string
		request, kind byte
	}{"ip4:icmp": {shareFour, 8, 0}, "ip6:ipv6-icmp": {shareSix, 128, 129}} {
		said := ""
		// The kernel has the route of a new IPv6 address a moment later than the address.
		await(t, 5*time.Second, network+" to be answered", func() (answered bool) {
			outside.do(func() { answered, said = echoes(network, tt.to, tt.request, tt.kind) })
			if !answered {
				t.Log(network, said)
			}
			return answered
		})
	}
}

// echoes reports whether an echo request of ICMP is answered as it should be, and if not by what.
func echoes(network, to string, request, kind byte) (bool, string) {
	c, err := net.Dial(network, to)
	if err != nil {
		return false, err.Error()
	}
	defer func() { _ = c.Close() }()
	message := []byte{request, 0, 0xff, 0xff, 0, 0, 0, 0} // and the checksum of IPv6 is the kernel's
	message[2] -= request
	answer := make([]byte, 128)
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	_, err = c.Write(message)
	n, failed := c.Read(answer)
	if kind == 0 { // IPv4's header is there as well
		answer = answer[20:]
	}
	if err := errors.Join(err, failed); err != nil {
		return false, err.Error()
	}
	return n >= 8 && answer[0] == kind, fmt.Sprintf("%x", answer[:8])
}

// The operations of ARP.
const request, reply = 1, 2

// heard are who sent ARP on the outside's link, by operation, for a time.
func (p *place) heard(f func()) (senders map[byte][]netip.Addr) {
	p.t.Helper()
	p.do(func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0x0608) // ETH_P_ARP
		if err != nil {
			p.t.Error(err)
			return
		}
		defer func() { _ = unix.Close(fd) }()
		check(p.t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 300000}))
		f()
		packet := make([]byte, 128)
		senders = map[byte][]netip.Addr{}
		for {
			n, _, err := unix.Recvfrom(fd, packet, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil || n < 28 {
				return
			}
			if a, ok := netip.AddrFromSlice(packet[14:18]); ok && a != netip.MustParseAddr(outsideFour) {
				senders[packet[7]] = append(senders[packet[7]], a)
			}
		}
	})
	return senders
}

// onLink has the outside look for an address on its link, and not by the node.
func onLink(to string) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{
		Dst: &net.IPNet{IP: net.ParseIP(to).To4(), Mask: net.CIDRMask(32, 32)}, LinkIndex: link.Attrs().Index,
		Src: net.ParseIP(outsideFour), Scope: netlink.SCOPE_LINK,
	})
}

// TestARP: the node neither answers for the address on its links nor names it in what it
// asks itself, as it would for one that somebody put there by hand.
func TestARP(t *testing.T) {
	t.Parallel()
	for _, byHand := range []bool{true, false} {
		node, outside := newPlaces(t)
		if byHand {
			node.add("lo", shareFour+"/32", 0)
		} else {
			node.hold(configured(t, "ring", sharing(shareFour)+listening))
		}
		// Who asks on the link, as a router does for an address that is announced there.
		outside.do(func() { check(t, onLink(shareFour)) })
		node.echo("udp", shareFour+":5060")
		replies := outside.heard(func() {
			if got := outside.reaches("udp", shareFour, 5060, 10); got != byHand {
				t.Errorf("by hand %v: it is reached: %v", byHand, got)
			}
		})[reply]
		if (len(replies) > 0) != byHand {
			t.Errorf("by hand %v: the node answers as %v", byHand, replies)
		}
		senders := outside.heard(func() {
			node.do(func() {
				from := &net.UDPAddr{IP: net.ParseIP(shareFour), Port: 5070}
				c, err := net.DialUDP("udp", from, &net.UDPAddr{IP: net.ParseIP("10.0.0.77"), Port: 9})
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = c.Write([]byte("who has it"))
				_ = c.Close()
			})
		})[request]
		want := netip.MustParseAddr(nodeFour)
		if byHand {
			want = netip.MustParseAddr(shareFour)
		}
		if len(senders) == 0 {
			t.Errorf("by hand %v: nothing was asked", byHand)
		}
		for _, s := range senders {
			if s != want {
				t.Errorf("by hand %v: the node asked as %s, want %s", byHand, s, want)
			}
		}
	}
}

// TestNobodySendsFromIt who does not ask for it.
func TestNobodySendsFromIt(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	node.hold(configured(t, "ring", sharing(shareFour, shareSix)+listening))
	// By a link without an address, to a network that the shared one is nearer to.
	const farSix = "2001:db8::2"
	node.do(func() {
		without := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "far1"}
		without.Name = "far0"
		check(t, netlink.LinkAdd(without))
		for _, name := range []string{"far0", "far1"} {
			link, err := netlink.LinkByName(name)
			check(t, err)
			check(t, netlink.LinkSetUp(link))
		}
		link, err := netlink.LinkByName("far0")
		check(t, err)
		check(t, netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: net.ParseIP(farSix), Mask: net.CIDRMask(128, 128)}}))
		for to, want := range map[string]string{outsideFour: nodeFour, outsideSix: nodeSix, farSix: nodeSix} {
			c, err := net.Dial("udp", net.JoinHostPort(to, "9"))
			if err != nil {
				t.Error(err)
				continue
			}
			if got := c.LocalAddr().(*net.UDPAddr).IP.String(); got != want {
				t.Errorf("to %s it sends from %s, want %s", to, got, want)
			}
			_ = c.Close()
		}
	})
}
