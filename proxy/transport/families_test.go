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
		stack, err := ListenBoth(at(order[0]), at(order[1]))
		if err != nil {
			t.Fatal(err)
		}
		stack.Serve(answerer{stack})
		if got, want := stack.Address(), netip.MustParseAddrPort(order[0]).Addr(); got != stack.Addresses()[0] || got.Addr() != want {
			t.Errorf("the address is %s, want one of %s first of %v", got, want, stack.Addresses())
		}
		for _, address := range stack.Addresses() {
			c, err := net.Dial("udp", address.String()) // takes only what comes from there
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
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
	if _, err := ListenBoth(at("127.0.0.1:0"), at("127.0.0.2:0")); err == nil || !strings.Contains(err.Error(), "one family") {
		t.Errorf("two addresses of one family: %v", err)
	}
}
