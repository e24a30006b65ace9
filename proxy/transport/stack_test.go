package transport

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// What the sockets cannot reach is no flow, and a transport without a layer
// neither opens nor sends.
func TestOpen(t *testing.T) {
	four, err := Listen(onUDP(UDPConfig{Address: netip.MustParseAddrPort("127.0.0.1:0")}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = four.Close() }()
	six, err := Listen(onUDP(UDPConfig{Address: netip.MustParseAddrPort("[::1]:0")}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = six.Close() }()
	for name, tt := range map[string]struct {
		stack *Stack
		to    Destination
		want  error
	}{
		"IPv4":             {four, Destination{Addr: netip.MustParseAddrPort("192.0.2.1:5060")}, nil},
		"IPv6":             {six, Destination{Addr: netip.MustParseAddrPort("[2001:db8::1]:5060")}, nil},
		"the other family": {four, Destination{Addr: netip.MustParseAddrPort("[2001:db8::1]:5060")}, ErrNoRoute},
		"no port":          {four, Destination{Addr: netip.MustParseAddrPort("192.0.2.1:0")}, ErrNoRoute},
		"no address":       {four, Destination{Host: "a.example", Addr: netip.AddrPortFrom(netip.Addr{}, 5060)}, ErrNoRoute},
		"not served":       {four, Destination{Transport: flow.TLS, Addr: netip.MustParseAddrPort("192.0.2.1:5061")}, ErrNoTransport},
		"unknown":          {four, Destination{Transport: flow.Transports, Addr: netip.MustParseAddrPort("192.0.2.1:5061")}, ErrNoTransport},
	} {
		calls := 0
		tt.stack.Open(tt.to, func(f flow.Flow, err error) {
			calls++
			if !errors.Is(err, tt.want) || f.IsValid() != (err == nil) || err == nil && f != flow.OverUDP(tt.to.Addr) {
				t.Errorf("%s: %+v, %v", name, f, err)
			}
		})
		if calls != 1 {
			t.Errorf("%s: told %d times before it returned", name, calls)
		}
	}
	if err := four.Send(flow.Flow{Remote: netip.MustParseAddrPort("192.0.2.1:5061"), Transport: flow.WSS}, []byte("x")); !errors.Is(err, ErrNoTransport) {
		t.Errorf("sent over a transport that is not served: %v", err)
	}
}
