package server

import (
	"context"
	"net"
	"net/netip"
	"runtime"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/transport"
)

// listen binds the sockets.
func listen(c *Config) (*transport.Stack, error) {
	var all []transport.UDPConfig
	for i, l := range c.Proxy.ListenersIn(nil) {
		for _, a := range [...]netip.AddrPort{c.Address, c.Second} {
			if i > 0 {
				a = netip.AddrPortFrom(a.Addr(), uint16(l.Port))
			}
			if a.IsValid() {
				all = append(all, transport.UDPConfig{Address: a, Listener: c.Proxy.ListenerNumber(l.Port), Loops: cores(c.Proxy), Shared: c.Shared})
			}
		}
	}
	return transport.Listen(transport.ListenConfig{UDP: all})
}

// lookupFor asks the system for addresses that can be sent to.
func lookupFor(layer *transport.Stack) transport.Lookup {
	network := "ip"
	switch {
	case !layer.Reaches(netip.IPv6Unspecified()):
		network = "ip4"
	case !layer.Reaches(netip.IPv4Unspecified()):
		network = "ip6"
	}
	return func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, network, host)
	}
}

// cores is how many this process has for what comes by UDP: each has its own socket
// and loop at each listener.
func cores(c *config.Config) int {
	if c.UDPLoops > 0 {
		return c.UDPLoops
	}
	return runtime.GOMAXPROCS(0)
}
