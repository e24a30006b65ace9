package transport

import (
	"io"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// One message of 700 bytes there and back, the far end's own work included.
func BenchmarkEcho(b *testing.B) {
	for _, transport := range []flow.Transport{flow.TCP, flow.TLS} {
		b.Run(transport.String(), func(b *testing.B) {
			h := streamStack(b, StreamConfig{Transport: flow.TCP}, overTLS(b))
			p := h.dial(flow.TCP)
			if transport == flow.TLS {
				p = h.dialTLS(flow.TLS)
			}
			text := options("echo", strings.Repeat("x", 640))
			answer := make([]byte, len(text))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := io.WriteString(p.Conn, text); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(p.text, answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
