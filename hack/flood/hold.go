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
// how many came about, once the context has ended.
func hold(ctx context.Context, n int, from []netip.Addr, to func(i int) string, first []byte) int {
	var opened atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				if keep(ctx, from[i%len(from)], to(i), first) {
					opened.Add(1)
				}
				wait(ctx, 50*time.Millisecond)
			}
		})
	}
	wg.Wait()
	return int(opened.Load())
}

// keep opens one connection, and returns when the other end closes it.
func keep(ctx context.Context, from netip.Addr, to string, first []byte) bool {
	c, err := dialer(from).DialContext(ctx, "tcp", to)
	if err != nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer c.Close()
	_, _ = c.Write(first)
	_, _ = io.Copy(io.Discard, c)
	return true
}
