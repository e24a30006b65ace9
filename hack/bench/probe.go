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

// prober asks a server for the bindings of a user.
type prober struct {
	conn    *net.UDPConn
	attempt int
}

func newProber(server netip.AddrPort) (*prober, error) {
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(probeSource, 0))
	conn, err := net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return nil, fmt.Errorf("open probe: %w", err)
	}
	return &prober{conn: conn}, nil
}

func (p *prober) close() { _ = p.conn.Close() }

// ask sends one query and returns the answer to it; an error when none comes in time.
func (p *prober) ask(user string, wait time.Duration) (string, error) {
	p.attempt++
	if _, err := p.conn.Write(query(user, p.conn.LocalAddr().String(), p.attempt)); err != nil {
		return "", err
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	buffer := make([]byte, 65535)
	for {
		n, err := p.conn.Read(buffer)
		if err != nil {
			return "", err
		}
		// A late answer to an earlier query is not this one's.
		if answer := string(buffer[:n]); strings.Contains(answer, callID(p.attempt)) {
			return answer, nil
		}
	}
}

// query is a REGISTER without Contact (RFC 3261 10.2.3).
func query(user, local string, attempt int) []byte {
	return fmt.Appendf(nil, "REGISTER sip:%[1]s SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bKprobe%[3]d\r\n"+
		"Max-Forwards: 70\r\n"+
		"From: <sip:%[4]s@%[1]s>;tag=probe\r\n"+
		"To: <sip:%[4]s@%[1]s>\r\n"+
		"Call-ID: %[5]s\r\n"+
		"CSeq: %[3]d REGISTER\r\n"+
		"Content-Length: 0\r\n\r\n", domain, local, attempt, user, callID(attempt))
}

func callID(attempt int) string { return fmt.Sprintf("probe-%d-@load.example", attempt) }

func succeeded(answer string) bool { return strings.HasPrefix(answer, "SIP/2.0 200 ") }

// countContacts is the number of bindings that a 200 lists.
func countContacts(answer string) int {
	n := 0
	for line := range strings.SplitSeq(answer, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "contact", "m":
			n += strings.Count(value, "<sip:")
		}
	}
	return n
}

// checkFree returns an error when somebody listens at the address already. A
// server that shares its port (SO_REUSEPORT) would start beside that one, get
// a part of the load and look cheap.
func checkFree(server netip.AddrPort) error {
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(server))
	if err != nil {
		return fmt.Errorf("address taken: %w", err)
	}
	return conn.Close()
}

// waitReady asks for the bindings of an unknown user until the answer is 200:
// that needs the socket, the registrar and, in a cluster, the ring. A server that asks
// who it is challenges.
func waitReady(ctx context.Context, server netip.AddrPort, process *process, asks bool) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	p, err := newProber(server)
	if err != nil {
		return err
	}
	defer p.close()

	last := "no answer"
	for {
		if process.exited() {
			return fmt.Errorf("%s exited: %s", process.name, process.lastLine())
		}
		if answer, err := p.ask("probe", 100*time.Millisecond); err == nil {
			if succeeded(answer) || asks && strings.HasPrefix(answer, "SIP/2.0 401 ") {
				return nil
			}
			last, _, _ = strings.Cut(answer, "\r\n")
		}
		select { // a closed port refuses at once: do not spin
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s not ready after %v: %s", process.name, readyTimeout, last)
			}
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// checkBindings asks for some of the n users that the load registered: each
// must have exactly one binding, or what was measured is not what is reported.
func checkBindings(server netip.AddrPort, n int) error {
	p, err := newProber(server)
	if err != nil {
		return err
	}
	defer p.close()
	for _, i := range []int{0, n / 3, n / 2, n - 1} {
		user := fmt.Sprintf("u%d", i)
		answer, err := p.ask(user, 2*time.Second)
		if err != nil {
			return fmt.Errorf("ask for the bindings of %s: %w", user, err)
		}
		if got := countContacts(answer); !succeeded(answer) || got != 1 {
			status, _, _ := strings.Cut(answer, "\r\n")
			return fmt.Errorf("%s has %d bindings after the load, want 1: %s", user, got, status)
		}
	}
	return nil
}
