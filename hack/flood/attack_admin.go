package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// admin holds as many connections to the admin and the health port open as it can,
// half of them in the middle of a header, and asks for the costliest page
// meanwhile, from another address: that one's places are taken.
func admin(ctx context.Context, s *site) (outcome, error) {
	const askers = 12
	connections, ports := mostConnections(), []uint16{s.Admin, s.Health}
	var pages atomic.Int64
	var wg sync.WaitGroup
	for range askers {
		wg.Go(func() {
			client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: dialer(s.host(attackerHost + 1)).DialContext}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				if get(ctx, client, "http://"+s.tcp(0, s.Admin)+"/v1/status") {
					pages.Add(1)
				} else {
					wait(ctx, 10*time.Millisecond)
				}
			}
		})
	}
	half := make(chan int, 2)
	for _, first := range []string{"", "GET /healthz HTTP/1.1\r\nHost: x\r\nX-"} {
		go func() {
			half <- hold(ctx, connections/2, []netip.Addr{s.host(attackerHost)}, func(i int) string { return s.tcp(0, ports[i%2]) }, []byte(first))
		}()
	}
	tried := <-half + <-half
	wg.Wait()
	return outcome{Note: fmt.Sprintf("%d connections tried, %.0f pages/s", tried, float64(pages.Load())/s.Seconds)}, nil
}

func get(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// mostConnections is as many connections as this process can have, up to 20,000.
func mostConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 500
	}
	return int(min(20_000, files.Cur-files.Cur/10))
}
