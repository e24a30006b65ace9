package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

// mediaSocket sends back what comes, to where it comes from.
type mediaSocket struct{ net.PacketConn }

// maxPacket is the longest packet of media, in bytes.
const maxPacket = 1500

// mediaIdle is after how long without a packet a socket is given up.
const mediaIdle = 5 * time.Minute

// describe has a 200 say where media of the call goes.
func (a *application) describe(c *call, ok *sip.Response) error {
	if a.o.media == "" {
		return nil
	}
	at, err := netip.ParseAddr(a.o.media)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media == nil {
		s, err := (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", netip.AddrPortFrom(at, 0).String())
		if err != nil {
			return err
		}
		c.media = &mediaSocket{s}
		go c.media.echo()
	}
	family := "IP4"
	if at.Is6() {
		family = "IP6"
	}
	port := c.media.LocalAddr().(*net.UDPAddr).Port
	ok.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	ok.SetBody(fmt.Appendf(nil, "v=0\r\no=- 1 1 IN %[1]s %[2]s\r\ns=echo\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\nm=audio %[3]d RTP/AVP 0 8\r\na=sendrecv\r\n", family, at, port))
	return nil
}

// echo runs until the socket is closed, or nothing comes any more.
func (m *mediaSocket) echo() {
	packet := make([]byte, maxPacket)
	for {
		if m.SetReadDeadline(time.Now().Add(mediaIdle)) != nil {
			return
		}
		n, from, err := m.ReadFrom(packet)
		if err != nil {
			return
		}
		_, _ = m.WriteTo(packet[:n], from) // lost, as media may be
	}
}

func (c *call) closeMedia() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media != nil {
		_ = c.media.Close()
	}
}
