package main

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// ua is an attacker's socket that hears answers. One goroutine uses it.
type ua struct {
	conn *net.UDPConn
	at   netip.AddrPort
}

func newUA(at netip.Addr) (*ua, error) {
	conn, local, err := listen(netip.AddrPortFrom(at, 0))
	return &ua{conn: conn, at: local}, err
}

// final sends the request once and waits for its final response; its code, or 0.
func (u *ua) final(ctx context.Context, r request, to netip.AddrPort, patience time.Duration) int {
	if m := u.exchange(ctx, r, to, patience, func(m *message) bool { return m.code() >= 200 }); m != nil {
		return m.code()
	}
	return 0
}

// exchange sends the request once and waits for a message of its Call-ID that will
// do; nil if none comes.
func (u *ua) exchange(ctx context.Context, r request, to netip.AddrPort, patience time.Duration, do func(*message) bool) *message {
	if r.callID == "" {
		r.callID = unique()
	}
	end := time.Now().Add(patience)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	_ = u.conn.SetReadDeadline(end)
	_, _ = u.conn.WriteToUDPAddrPort(r.bytes(), to)
	buf := make([]byte, 1<<16)
	for {
		n, _, err := u.conn.ReadFromUDPAddrPort(buf)
		if err != nil && time.Now().Before(end) {
			continue // an ICMP error
		}
		if err != nil {
			return nil
		}
		if m := parse(buf[:n]); m.get("call-id") == r.callID && do(m) {
			return m
		}
	}
}
