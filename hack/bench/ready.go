package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// readyTimeout bounds how long a server may take to answer its first REGISTER.
const readyTimeout = 15 * time.Second

// waitReady asks the server for the bindings of an unknown user until it
// answers 200: that needs the socket, the registrar and, in a cluster, the ring.
func waitReady(ctx context.Context, server netip.AddrPort, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	conn, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(probeSource, 0)), net.UDPAddrFromAddrPort(server))
	if err != nil {
		return fmt.Errorf("open probe: %w", err)
	}
	defer conn.Close()

	last := "no answer"
	buffer := make([]byte, 2048)
	for attempt := 1; ; attempt++ {
		if p.exited() {
			return fmt.Errorf("%s exited: %s", p.name, p.lastLine())
		}
		if _, err := conn.Write(probe(conn.LocalAddr().String(), attempt)); err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if n, err := conn.Read(buffer); err == nil {
				last, _, _ = strings.Cut(string(buffer[:n]), "\r\n")
				if strings.HasPrefix(last, "SIP/2.0 200 ") {
					return nil
				}
			}
		}
		select { // a closed port refuses at once: do not spin
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s not ready after %v: %s", p.name, readyTimeout, last)
			}
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// probe is a REGISTER without Contact: a query (RFC 3261 10.2.3).
func probe(local string, attempt int) []byte {
	return fmt.Appendf(nil, "REGISTER sip:%[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bKprobe%[3]d\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:probe@%[1]s>;tag=probe\r\n"+
		"To: <sip:probe@%[1]s>\r\n"+
		"Call-ID: probe%[3]d@load.example\r\n"+
		"CSeq: %[3]d REGISTER\r\n"+
		"Content-Length: 0\r\n\r\n", domain, local, attempt)
}
