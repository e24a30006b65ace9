package server

import (
	"net/netip"
	"runtime"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/resolve"
	"github.com/sipring/sipring/proxy/transport"
)

// listen binds the sockets.
func listen(c *Config, trusted func(netip.Addr) bool) (*transport.Stack, error) {
	all := transport.ListenConfig{Trusted: trusted, Verify: c.VerifyServer}
	for i, l := range c.Proxy.ListenersIn(nil) {
		for _, a := range [...]netip.AddrPort{c.Address, c.Second} {
			if i > 0 {
				a = netip.AddrPortFrom(a.Addr(), uint16(l.Port))
			}
			if !a.IsValid() {
				continue
			}
			if err := c.addListener(&all, &l, a); err != nil {
				return nil, err
			}
		}
	}
	if l := c.Proxy.LocalApp; l != nil {
		host := c.Loopback
		if !host.IsValid() {
			host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		all.Local = &transport.LocalConfig{
			Address: netip.AddrPortFrom(host, uint16(l.ProxyPort)), Application: uint16(l.Port), TCP: l.Protocol == config.ProtocolTCP,
		}
	}
	return transport.Listen(all)
}

// addListener has a listener opened at an address.
func (c *Config) addListener(all *transport.ListenConfig, l *config.Listener, a netip.AddrPort) error {
	number, over := c.Proxy.ListenerNumber(l.Port), l.Transport()
	if over == flow.UDP {
		all.UDP = append(all.UDP, transport.UDPConfig{Address: a, Listener: number, Loops: cores(c.Proxy), Shared: c.Shared})
		return nil
	}
	from, err := l.ProxyFrom()
	if err != nil {
		return err
	}
	s := transport.StreamConfig{Transport: over, Address: a, Listener: number, Shared: c.Shared, Roams: len(c.Proxy.SharedAddresses) > 0, TLS: c.TLS[l.Name], ProxyFrom: from}
	of := c.Proxy.Limits.Connections.WithDefaults()
	s.Limits = transport.StreamLimits{Places: connlimit.Limits{Total: of.Total, PerSource: of.PerSource}, PerSecond: of.NewPerSecond}
	if w := l.WebSocket; w != nil {
		s.WebSocket = transport.WebSocket{Path: w.Path, Origins: w.Origins}
	}
	all.Streams = append(all.Streams, s)
	return nil
}

// canSend is what the sockets send over, and to.
func canSend(layer *transport.Stack) resolve.Can {
	return resolve.Can{
		UDP: layer.Serves(flow.UDP), TCP: layer.Serves(flow.TCP), TLS: layer.Serves(flow.TLS),
		IPv4: layer.Reaches(netip.IPv4Unspecified()), IPv6: layer.Reaches(netip.IPv6Unspecified()),
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
