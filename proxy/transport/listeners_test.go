package transport

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// answerer sends back what comes, over the flow it came by.
type answerer struct{ layer Layer }

func (a answerer) Message(f flow.Flow, data []byte) { _ = a.layer.Send(f, data) }
func (a answerer) Closed(flow.Flow, error)          {}

// Each family has its own sockets: what comes at one address is answered from it,
// and what has no socket yet leaves by its family's.
func TestBothFamilies(t *testing.T) {
	at := func(address string) UDPConfig {
		return UDPConfig{Address: netip.MustParseAddrPort(address), Loops: 2}
	}
	for _, order := range [][2]string{{"127.0.0.1:0", "[::1]:0"}, {"[::1]:0", "127.0.0.1:0"}} {
		stack, err := Listen(onUDP(at(order[0]), at(order[1])))
		if err != nil {
			t.Fatal(err)
		}
		stack.Serve(answerer{stack}, Holder{})
		if got, want := stack.Address(), netip.MustParseAddrPort(order[0]).Addr(); got != stack.Addresses()[0] || got.Addr() != want {
			t.Errorf("the address is %s, want one of %s first of %v", got, want, stack.Addresses())
		}
		for _, address := range stack.Addresses() {
			c, err := net.Dial("udp", address.String()) // takes only what comes from there
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			buf := make([]byte, 100)
			_, _ = c.Write([]byte("one"))
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != "one" {
				t.Errorf("%s: answered %q, %v", address, buf[:n], err)
			}
			to := c.LocalAddr().(*net.UDPAddr).AddrPort()
			stack.Open(Destination{Addr: to}, func(f flow.Flow, err error) {
				if err != nil || stack.Send(f, []byte("two")) != nil {
					t.Errorf("no way to %s: %v", to, err)
				}
			})
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != "two" {
				t.Errorf("%s: sent %q, %v", address, buf[:n], err)
			}
			if !stack.Reaches(address.Addr()) {
				t.Errorf("%s cannot be reached", address)
			}
			_ = c.Close()
		}
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
		if s := stack.Stats(); s.Received != 2 || s.Sent != 4 {
			t.Errorf("stats %+v", s)
		}
	}
	if _, err := Listen(onUDP(at("127.0.0.1:0"), at("127.0.0.2:0"))); err == nil || !strings.Contains(err.Error(), "one family") {
		t.Errorf("two addresses of one family: %v", err)
	}
}

// What comes by a listener is answered by it, and what is sent to a far end of it
// leaves by it; by the first one, where a flow names one that is gone.
func TestListeners(t *testing.T) {
	at := func(number uint16, address string) UDPConfig {
		return UDPConfig{Listener: number, Address: netip.MustParseAddrPort(address), Loops: 2}
	}
	stack, err := Listen(onUDP(at(1, "127.0.0.1:0"), at(1, "[::1]:0"), at(2, "127.0.0.1:0"), at(2, "[::1]:0")))
	if err != nil {
		t.Fatal(err)
	}
	heard := make(listening, 1)
	stack.Serve(heard, Holder{})
	for i, address := range stack.Addresses() {
		number := uint16(1 + i/2)
		phone := listenUDP(t, netip.AddrPortFrom(address.Addr(), 0))
		to := phone.LocalAddr().(*net.UDPAddr).AddrPort()
		if _, err := phone.WriteToUDPAddrPort([]byte("request"), address); err != nil {
			t.Fatal(err)
		}
		came := <-heard
		if came.Listener != number || came.Remote != to {
			t.Errorf("at %s of listener %d: %+v", address, number, came)
		}
		ways := map[string]flow.Flow{"the request's flow": came}
		stack.Open(Destination{Addr: to, Listener: number}, func(f flow.Flow, err error) {
			if ways["a flow to the phone"] = f; err != nil || f.Listener != number {
				t.Errorf("opened %+v, %v", f, err)
			}
		})
		if number == 1 {
			stack.Open(Destination{Addr: to, Listener: 3}, func(f flow.Flow, err error) {
				if ways["another listener"] = f; err != nil || f.Listener != number {
					t.Errorf("opened %+v, %v", f, err)
				}
			})
		}
		for name, way := range ways {
			if err := stack.Send(way, []byte(name)); err != nil {
				t.Fatal(err)
			}
			_ = phone.SetDeadline(time.Now().Add(20 * time.Second))
			buf := make([]byte, 100)
			if n, from, err := phone.ReadFromUDPAddrPort(buf); err != nil || string(buf[:n]) != name || plain(from) != address {
				t.Errorf("%s came as %q from %s, not %s: %v", name, buf[:n], from, address, err)
			}
		}
	}
	if err := stack.Close(); err != nil {
		t.Error(err)
	}
	again := at(2, stack.Addresses()[2].String())
	if _, err := Listen(onUDP(at(1, "127.0.0.1:0"), again, UDPConfig{Listener: 3, Address: again.Address})); err == nil {
		t.Error("two listeners share a port")
	}
	last, err := Listen(onUDP(again)) // which the failure has let go
	if err != nil {
		t.Fatal(err)
	}
	_ = last.Close()
}

// listening tells over which flows messages come.
type listening chan flow.Flow

func (l listening) Message(f flow.Flow, _ []byte) { l <- f }
func (l listening) Closed(flow.Flow, error)       {}

func listenUDP(t *testing.T, at netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func onUDP(all ...UDPConfig) ListenConfig { return ListenConfig{UDP: all} }
