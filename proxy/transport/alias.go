package transport

import (
	"crypto/tls"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
)

// sipsPort is that of a sent-by over TLS that names none (RFC 3261 18.1.1).
const sipsPort = 5061

// Alias has what is for a proxy go over the connection of this process that the proxy has
// opened: its Via says so by the parameter alias (RFC 5923 5 and 8), host and port are those
// of sent-by, 0 for none. It has to be over TLS, and the certificate that it has shown one
// that would be taken if the connection were opened from here to that host (8.2, 9.1): else
// whoever connects could have what is for others. Where that is not so, or a connection
// asks for a second time, nothing changes.
func (s *Stack) Alias(f flow.Flow, host string, port uint16) {
	if c := s.streams.of(f); c != nil {
		s.streams.alias(c, host, port)
	}
}

func (s *streams) alias(c *conn, host string, port uint16) {
	t, secure := c.top.(*tls.Conn)
	if !secure || c.flow.Transport != flow.TLS || c.table == s.dials.table || s.dials.verify == nil || c.asked.Swap(true) {
		return
	}
	state := t.ConnectionState()
	if len(state.PeerCertificates) == 0 || s.dials.verify(host, state) != nil {
		return
	}
	if port == 0 {
		port = sipsPort
	}
	key := dialKey{transport: flow.TLS, address: netip.AddrPortFrom(c.flow.Remote.Addr(), port), name: host}
	if s.dials.adopt(key, c) {
		s.metrics.aliases.Inc()
	}
}

// adopt has a connection that came in be used as one that was opened under the key, unless
// there is such a one.
func (d *dials) adopt(key dialKey, c *conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if other := d.open[key]; other != nil && !other.over() || c.over() {
		return false
	}
	d.open[key], c.alias = c, &key
	return true
}

// disown ends that.
func (d *dials) disown(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.alias != nil && d.open[*c.alias] == c {
		delete(d.open, *c.alias)
	}
}
