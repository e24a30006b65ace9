package main

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// hold keeps up to n connections open that say first and then nothing, each from
// one of the addresses, and opens another for every one that is closed. It returns
// how many were tried, once the context has ended: one that is reset at once has been
// work for the other end too.
func hold(ctx context.Context, n int, from []netip.Addr, to func(i int) string, first []byte) int {
	var tried atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				tried.Add(1)
				keep(ctx, from[i%len(from)], to(i), first)
				wait(ctx, 50*time.Millisecond)
			}
		})
	}
	wg.Wait()
	return int(tried.Load())
}

// keep opens one connection, and returns when the other end closes it.
func keep(ctx context.Context, from netip.Addr, to string, first []byte) {
	c, err := dialer(from).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer c.Close()
	_, _ = c.Write(first)
	_, _ = io.Copy(io.Discard, c)
}
