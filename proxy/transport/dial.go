package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
)

// dials are the connections that are opened from here: those that are open, to be used
// again (RFC 3261 18), and those on their way.
type dials struct {
	tls     *tls.Config
	verify  func(name string, s tls.ConnectionState) error
	table   *connlimit.Table
	context context.Context
	cancel  context.CancelFunc

	mu   sync.Mutex
	open map[dialKey]*conn
	way  map[dialKey]*dialling
	to   map[uint64]int // how many are on their way to each host
}

// dialKey is what has to be the same for a connection to be used again: over TLS the
// name that the far end has proved as well (RFC 5923 9.1).
type dialKey struct {
	transport flow.Transport
	address   netip.AddrPort
	name      string
}

// dialling is one on its way, and who waits for it.
type dialling struct{ waiting []func(flow.Flow, error) }

// dialResult is what became of opening a connection.
type dialResult uint8

const (
	dialDone   dialResult = iota
	dialFailed            // nobody listens there, or not in time
	dialTLS               // no TLS, or no certificate of that name that is trusted
	dialBusy              // too many are on their way
	dialResults
)

var dialNames = [dialResults]string{"done", "failed", "tls", "busy"}

// Bounds of connections that are opened from here.
const (
	maxDialled       = 8192 // open, in total
	maxDialledToHost = 256
	maxDialsToHost   = 16 // on their way
	maxWaiting       = 1024
)

func newDials(config *tls.Config, verify func(string, tls.ConnectionState) error) *dials {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	d := &dials{
		tls: config, verify: verify, table: connlimit.New(connlimit.Limits{Total: maxDialled, PerSource: maxDialledToHost}),
		open: map[dialKey]*conn{}, way: map[dialKey]*dialling{}, to: map[uint64]int{},
	}
	d.context, d.cancel = context.WithCancel(context.Background())
	return d
}

// Open implements Layer. It uses a connection that was opened to there before, or opens
// one. To a browser nobody can.
func (s *streams) Open(to Destination, opened func(flow.Flow, error)) {
	l := s.listenerOf(to.Transport, to.Listener)
	if l == nil || to.Transport != flow.TCP && to.Transport != flow.TLS || !to.Addr.Addr().IsValid() || to.Addr.Port() == 0 {
		opened(flow.Flow{}, ErrNoRoute)
		return
	}
	key := dialKey{transport: to.Transport, address: plain(to.Addr)}
	if to.Transport == flow.TLS {
		if key.name = to.ServerName; key.name == "" {
			key.name = key.address.Addr().String()
		}
	}
	c, begin, err := s.dials.join(key, l.limits.Dials, opened)
	switch {
	case err != nil:
		s.metrics.dials[dialBusy].Inc()
		opened(flow.Flow{}, err)
	case c != nil:
		opened(c.flow, nil)
	case begin && !s.spawn(func() { s.dial(key, l) }):
		s.dials.done(key, nil, ErrGone)
	}
}

// join is the connection that is open, or has opened wait for it, and says whether it
// has to be opened.
func (d *dials) join(key dialKey, most int, opened func(flow.Flow, error)) (c *conn, begin bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c = d.open[key]; c != nil && !c.over() {
		return c, false, nil
	}
	host := limit.Source(key.address.Addr())
	w := d.way[key]
	switch {
	case w == nil && (len(d.way) >= most || d.to[host] >= maxDialsToHost), w != nil && len(w.waiting) >= maxWaiting:
		return nil, false, ErrTooManyDials
	case w == nil:
		w, begin = &dialling{}, true
		d.way[key] = w
		d.to[host]++
	}
	w.waiting = append(w.waiting, opened)
	return nil, begin, nil
}

// done tells those who wait what became of it.
func (d *dials) done(key dialKey, c *conn, err error) {
	host := limit.Source(key.address.Addr())
	d.mu.Lock()
	w := d.way[key]
	delete(d.way, key)
	if d.to[host]--; d.to[host] == 0 {
		delete(d.to, host)
	}
	if c != nil {
		d.open[key] = c
	}
	d.mu.Unlock()
	var f flow.Flow
	if c != nil {
		f = c.flow
	}
	for _, opened := range w.waiting {
		opened(f, err)
	}
}

// forget has the connection not be used again.
func (d *dials) forget(key dialKey, c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[key] == c {
		delete(d.open, key)
	}
}

// dial is the life of a connection that is opened from here.
func (s *streams) dial(key dialKey, l *streamListener) {
	c, result, err := s.reach(key, l)
	s.metrics.dials[result].Inc()
	if err != nil {
		if c != nil {
			s.release(c)
		}
		s.dials.done(key, nil, err)
		return
	}
	defer s.release(c)
	c.publish()
	s.dials.done(key, c, nil)
	c.read(c.limits.Idle)
	s.dials.forget(key, c)
	c.settle()
}

// reach opens a connection, and has the far end prove over TLS that it has the name.
func (s *streams) reach(key dialKey, l *streamListener) (*conn, dialResult, error) {
	d := net.Dialer{Timeout: l.limits.Dial}
	if own := l.address.Addr(); !l.roams && !own.IsUnspecified() && own.Is4() == key.address.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))
	}
	tcp, err := d.DialContext(s.dials.context, "tcp", key.address.String())
	if err != nil {
		return nil, dialFailed, err
	}
	c, err := s.newConn(tcp.(*net.TCPConn), l, s.dials.table)
	if err != nil || !s.hold(c) {
		_ = tcp.Close()
		return nil, dialFailed, ErrGone
	}
	c.table.Add(c)
	if key.transport != flow.TLS {
		return c, dialDone, nil
	}
	config := s.dials.tls.Clone()
	config.ServerName = key.name
	if verify := s.dials.verify; verify != nil {
		config.InsecureSkipVerify = true // of tls: it is verified as RFC 5922 has it
		config.VerifyConnection = func(state tls.ConnectionState) error { return verify(key.name, state) }
	}
	t := tls.Client(c.out.asSecure(), config)
	c.allow(l.limits.Dial)
	if err := t.Handshake(); err != nil { //nolint:noctx // it has a deadline, and ends with the connection
		return c, dialTLS, err
	}
	c.top = t
	return c, dialDone, nil
}
