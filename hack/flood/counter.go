package main

import (
	"net"
	"net/netip"
)

// counter is a socket that hears and says nothing.
type counter struct {
	conn *net.UDPConn
	at   netip.AddrPort
	read chan [2]int
}

func newCounter(at netip.Addr) (*counter, error) { return newCounterAt(netip.AddrPortFrom(at, 0)) }

func newCounterAt(at netip.AddrPort) (*counter, error) {
	conn, local, err := listen(at)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20)
	c := &counter{conn: conn, at: local, read: make(chan [2]int, 1)}
	go func() {
		datagrams, size := 0, 0
		receive(conn, func(b []byte, _ netip.AddrPort) { datagrams, size = datagrams+1, size+len(b) })
		c.read <- [2]int{datagrams, size}
	}()
	return c, nil
}

// total closes the counter, and is how many datagrams of how many bytes came.
func (c *counter) total() (datagrams, size int) {
	_ = c.conn.Close()
	t := <-c.read
	return t[0], t[1]
}
