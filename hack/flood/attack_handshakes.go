package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// handshakes begins as many TLS handshakes at the ports of TLS and WSS as it may, up to
// 10,000 at a time, half of them in the middle of a hello, from addresses of which each may
// have no more than its share; and sends a byte a second over further connections of TCP, and
// of a WebSocket's handshake.
func handshakes(ctx context.Context, s *site) (outcome, error) {
	const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
	n := 0
	tried, dripped := halfOpen(ctx, s, []half{{s.TLS, ""}, {s.TLS, hello}, {s.WSS, ""}, {s.WSS, hello}}, &n)
	return outcome{Note: fmt.Sprintf("%d handshakes begun, %d at a time, and %d connections of a byte a second", tried, n, dripped)}, nil
}

// upgrades does the same to the port of WS, half of them in the middle of a request.
func upgrades(ctx context.Context, s *site) (outcome, error) {
	n := 0
	tried, dripped := halfOpen(ctx, s, []half{{s.WS, ""}, {s.WS, "GET / HTTP/1.1\r\nHost: a\r\n"}}, &n)
	return outcome{Note: fmt.Sprintf("%d handshakes of WebSockets begun, %d at a time, and %d connections of a byte a second", tried, n, dripped)}, nil
}

// half is what a handshake is begun with, at a port.
type half struct {
	port uint16
	says string
}

// halfOpen begins handshakes, and has n be how many there are at a time, and drips.
func halfOpen(ctx context.Context, s *site, kinds []half, n *int) (tried, dripped int) {
	const most, sources, slow = 10_000, 12, 300
	from := make([]netip.Addr, sources)
	for i := range from {
		from[i] = s.host(attackerHost + byte(i))
	}
	each := min(most, mostConnections()) / len(kinds)
	*n = each * len(kinds)
	var wg sync.WaitGroup
	ports := []uint16{s.SIP, s.WS}
	wg.Go(func() { dripped = drip(ctx, slow, from, func(i int) string { return s.tcp(i, ports[i%len(ports)]) }) })
	begun := make(chan int, len(kinds))
	for _, k := range kinds {
		go func() {
			begun <- hold(ctx, each, from, func(i int) string { return s.tcp(i, k.port) }, []byte(k.says))
		}()
	}
	for range kinds {
		tried += <-begun
	}
	wg.Wait()
	return tried, dripped
}

// drip sends a request over each of n connections, a byte a second, and opens another for
// every one that is closed. It returns how many there were.
func drip(ctx context.Context, n int, from []netip.Addr, to func(i int) string) int {
	requests := [...]string{"OPTIONS sip:example.com SIP/2.0\r\n", "GET / HTTP/1.1\r\nHost: example.com\r\n"} // by turns, as ports are
	var mu sync.Mutex
	var wg sync.WaitGroup
	opened := 0
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, err := dialer(from[i%len(from)]).DialContext(ctx, "tcp", to(i))
				if err != nil {
					wait(ctx, 50*time.Millisecond)
					continue
				}
				mu.Lock()
				opened++
				mu.Unlock()
				for k := 0; err == nil && ctx.Err() == nil; k++ {
					text := requests[i%len(requests)]
					_, err = c.Write([]byte{text[k%len(text)]})
					wait(ctx, time.Second)
				}
				_ = c.Close()
			}
		})
	}
	wg.Wait()
	return opened
}
