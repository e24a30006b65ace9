//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// ownNetwork gives the test a network of its own.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network of its own")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip(err)
	}
}

// TestBalancerKeepsConnections: each goes to a pod by chance, at whatever port, and stays there
// when pods come and go. Without any none is opened.
func TestBalancerKeepsConnections(t *testing.T) {
	ownNetwork(t)
	at := netip.MustParseAddr("203.0.113.26")
	pods := []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")}
	ip(t, "link set lo up", "address add 203.0.113.26/32 dev lo", "address add 10.0.0.2/32 dev lo", "address add 10.0.0.3/32 dev lo")
	const port = 5061
	for _, a := range pods {
		l, err := net.Listen("tcp", netip.AddrPortFrom(a, port).String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { // it says who it is for each byte
					defer c.Close()
					for b := make([]byte, 1); ; {
						if _, err := c.Read(b); err != nil {
							return
						}
						_, _ = c.Write([]byte{a.As4()[3]})
					}
				}()
			}
		}()
	}
	rules := func(to ...netip.Addr) {
		if err := load(exec.CommandContext(t.Context(), "nft", "-f", "-"), keeping(at, to)); err != nil {
			t.Fatal(err)
		}
	}
	open := func() (net.Conn, error) {
		return net.DialTimeout("tcp", netip.AddrPortFrom(at, port).String(), time.Second)
	}
	who := func(c net.Conn) byte {
		b := []byte{0}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
		return b[0]
	}
	rules(pods...)
	held := map[byte]net.Conn{}
	for range 100 {
		c, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		held[who(c)] = c
	}
	if len(held) != len(pods) {
		t.Errorf("%d pods have connections, want %d", len(held), len(pods))
	}
	for _, left := range [][]netip.Addr{pods[:1], pods[1:], nil} {
		rules(left...)
		for pod, c := range held {
			if by := who(c); by != pod {
				t.Errorf("with %v, a connection to pod %d is with %d", left, pod, by)
			}
		}
		c, err := open()
		switch {
		case len(left) == 0 && err == nil:
			t.Error("opened, where there is no pod")
		case len(left) > 0 && err != nil:
			t.Error(err)
		case err == nil:
			if by := who(c); by != left[0].As4()[3] {
				t.Errorf("with %v, one is opened to pod %d", left, by)
			}
		}
		if err == nil {
			_ = c.Close()
		}
	}
}

// TestBalancerKeepsNoFlows: in the kernel each datagram of a client goes to a pod by chance and
// is answered from the one address, what a pod asks comes from the pod, and nobody else is
// touched.
func TestBalancerKeepsNoFlows(t *testing.T) {
	ownNetwork(t)
	at := netip.MustParseAddrPort("203.0.113.22:5060")
	client, other := netip.MustParseAddrPort("198.51.100.242:5062"), netip.MustParseAddrPort("198.51.100.242:5063")
	pods := []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.4")}
	ip(t, "link set lo up", "address add 198.51.100.242/32 dev lo", "address add 203.0.113.22/32 dev lo",
		"address add 10.0.0.2/32 dev lo", "address add 10.0.0.3/32 dev lo", "address add 10.0.0.4/32 dev lo")
	bind := func(at netip.AddrPort) *net.UDPConn {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	servers := map[netip.Addr]*net.UDPConn{}
	for _, a := range append(pods, at.Addr()) { // whoever is at the address itself gets what is not balanced
		servers[a] = bind(netip.AddrPortFrom(a, at.Port()))
		go answer(servers[a], a)
	}
	phone, stranger := bind(client), bind(other)

	rules := func(to ...netip.Addr) {
		if err := load(exec.CommandContext(t.Context(), "nft", "-f", "-"), balancing(at, []netip.AddrPort{client}, to)); err != nil {
			t.Fatal(err)
		}
	}
	rules(pods...)
	for want, from := range map[int]*net.UDPConn{3: phone, 1: stranger} {
		seen := map[string]bool{}
		for range 200 {
			text, by, err := inquire(from, at)
			if err != nil || by != at {
				t.Fatalf("%q from %v, %v; want it from %v", text, by, err, at)
			}
			seen[text] = true
		}
		if len(seen) != want {
			t.Errorf("%v was answered by %v, want %d", from.LocalAddr(), seen, want)
		}
	}
	rules(pods[1])
	for range 50 {
		if text, _, err := inquire(phone, at); err != nil || text != "SIP/2.0 200 10.0.0.3" {
			t.Fatalf("%q, %v: want the one pod that is left", text, err)
		}
	}
	if _, err := servers[pods[1]].WriteToUDPAddrPort([]byte("INVITE sip:a"), client); err != nil {
		t.Fatal(err)
	}
	if text, by, err := receive(phone); err != nil || by.Addr() != pods[1] {
		t.Errorf("the pod's %q came from %v, %v", text, by, err)
	}
	rules()
	if text, by, err := inquire(phone, at); err == nil {
		t.Errorf("%q from %v, where there is no pod", text, by)
	}
	if err := load(exec.CommandContext(t.Context(), "nft", "-f", "-"), noBalancing); err != nil {
		t.Fatal(err)
	}
	if text, _, err := inquire(phone, at); err != nil || text != "SIP/2.0 200 203.0.113.22" {
		t.Errorf("%q, %v after it ended", text, err)
	}
}

// TestBalancerKeepsWhoIsDead: a pod that is kept has its share when it is not ready any more, and
// that alone when it is again; nobody that is put aside has any.
func TestBalancerKeepsWhoIsDead(t *testing.T) {
	var got []netip.Addr
	b := &balancer{
		rules: func(pods []netip.Addr) string { got = pods; return "" }, nft: func(string) error { return nil },
		pods: map[string]map[string]netip.Addr{},
	}
	ready := func(pods ...int) {
		s := &discoveryv1.EndpointSlice{}
		for _, i := range pods {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{fmt.Sprintf("10.0.0.%d", i)}, TargetRef: &corev1.ObjectReference{Name: fmt.Sprintf("ring-%d", i)},
			})
		}
		b.note(s)
	}
	want := func(when string, want ...int) {
		t.Helper()
		var all []netip.Addr
		for _, i := range want {
			all = append(all, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		}
		if !slices.Equal(got, all) {
			t.Errorf("%s: pods %v, want %v", when, got, all)
		}
	}
	ready(0, 1, 2)
	b.keep("ring-1")
	want("kept", 0, 1, 2)
	ready(0, 2)
	want("not ready", 0, 1, 2)
	ready(0, 1, 2)
	want("ready again", 0, 1, 2)
	ready(0, 2)
	b.keep("")
	want("kept no more", 0, 2)
	b.without("ring-2")
	want("aside", 0)
}

// ip runs ip(8), in this thread's network.
func ip(t *testing.T, lines ...string) {
	t.Helper()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", "-batch", "-")
	c.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("ip: %v: %s", err, out)
	}
}

// answer says who it is until the socket is closed.
func answer(c *net.UDPConn, name netip.Addr) {
	buf := make([]byte, 1500)
	for {
		_, from, err := c.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = c.WriteToUDPAddrPort([]byte("SIP/2.0 200 "+name.String()), from)
		}
	}
}

func inquire(c *net.UDPConn, at netip.AddrPort) (text string, by netip.AddrPort, err error) {
	if _, err := c.WriteToUDPAddrPort([]byte("REGISTER sip:a"), at); err != nil {
		return "", by, err
	}
	return receive(c)
}

func receive(c *net.UDPConn) (text string, by netip.AddrPort, err error) {
	buf := make([]byte, 1500)
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return "", by, err
	}
	n, by, err := c.ReadFromUDPAddrPort(buf)
	return string(buf[:n]), by, err
}
