package transport

import "sync/atomic"

// transportCounts are those of the connections of one transport.
type transportCounts struct {
	handshaking, open        atomic.Int64
	received, sent           atomic.Uint64 // messages
	receivedBytes, sentBytes atomic.Uint64 // as they are on the wire
	_                        [16]byte
}

func (c *transportCounts) read(n int)    { c.receivedBytes.Add(uint64(max(n, 0))) }
func (c *transportCounts) written(n int) { c.sentBytes.Add(uint64(max(n, 0))) }
