package main

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// agent sends requests of phones and callers from one socket, and gives each
// its answers. Safe for concurrent use.
type agent struct {
	conn    *net.UDPConn
	address netip.AddrPort

	mu        sync.Mutex
	exchanges map[string]chan answer // by branch
	reading   sync.WaitGroup
}

// answer is a response and who sent it.
type answer struct {
	at   time.Time
	from netip.AddrPort
	m    *message
}

// keepAnswers bounds the answers to one request that wait to be looked at; a
// proxy may repeat them.
const keepAnswers = 16

func newAgent(at netip.Addr) (*agent, error) {
	conn, err := listen(at)
	if err != nil {
		return nil, err
	}
	a := &agent{conn: conn, address: local(conn), exchanges: map[string]chan answer{}}
	a.reading.Go(a.read)
	return a, nil
}

func listen(at netip.Addr) (*net.UDPConn, error) {
	return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(at, 0)))
}

// local is the socket's address, in the form in which it is written.
func local(conn *net.UDPConn) netip.AddrPort {
	a := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (a *agent) close() {
	_ = a.conn.Close()
	a.reading.Wait()
}

func (a *agent) read() {
	receive(a.conn, func(m *message, from netip.AddrPort) {
		code := m.code()
		if code >= 300 && m.method() == "INVITE" {
			a.send(ackOf(m, a.address), from)
		}
		a.mu.Lock()
		waiting := a.exchanges[m.branch()]
		a.mu.Unlock()
		select {
		case waiting <- answer{at: time.Now(), from: from, m: m}:
		default: // nobody waits any more, or has had enough
		}
	})
}

// receive hands on what arrives until the socket is closed.
func receive(conn *net.UDPConn, take func(m *message, from netip.AddrPort)) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if m, err := parse(buf[:n]); err == nil {
			take(m, from)
		}
	}
}

// send repeats nothing: what is lost is the retransmission's affair.
func (a *agent) send(b []byte, to netip.AddrPort) { _, _ = a.conn.WriteToUDPAddrPort(b, to) }

// expect returns where the answers to that branch come.
func (a *agent) expect(branch string) <-chan answer {
	c := make(chan answer, keepAnswers)
	a.mu.Lock()
	a.exchanges[branch] = c
	a.mu.Unlock()
	return c
}

func (a *agent) forget(branch string) {
	a.mu.Lock()
	delete(a.exchanges, branch)
	a.mu.Unlock()
}
