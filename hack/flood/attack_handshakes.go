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
// have no more than its share; and sends a byte a second over further connections of TCP.
func handshakes(ctx context.Context, s *site) (outcome, error) {
	const most, sources, slow = 10_000, 12, 300
	from := make([]netip.Addr, sources)
	for i := range from {
		from[i] = s.host(attackerHost + byte(i))
	}
	each := min(most, mostConnections()) / 4
	var wg sync.WaitGroup
	var dripped int
	wg.Go(func() { dripped = drip(ctx, slow, from, func(i int) string { return s.tcp(i, s.SIP) }) })
	half := make(chan int, 4)
	for _, port := range []uint16{s.TLS, s.WSS} {
		for _, first := range []string{"", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"} {
			go func() {
				half <- hold(ctx, each, from, func(i int) string { return s.tcp(i, port) }, []byte(first))
			}()
		}
	}
	tried := 0
	for range cap(half) {
		tried += <-half
	}
	wg.Wait()
	return outcome{Note: fmt.Sprintf("%d handshakes begun, %d at a time, and %d connections of a byte a second", tried, 4*each, dripped)}, nil
}

// drip sends a request over each of n connections, a byte a second, and opens another for
// every one that is closed. It returns how many there were.
func drip(ctx context.Context, n int, from []netip.Addr, to func(i int) string) int {
	const request = "OPTIONS sip:example.com SIP/2.0\r\n"
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
					_, err = c.Write([]byte{request[k%len(request)]})
					wait(ctx, time.Second)
				}
				_ = c.Close()
			}
		})
	}
	wg.Wait()
	return opened
}
