package transport

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
)

// A handshake has one deadline, which a byte now and then does not put off. Others are let in
// meanwhile.
func TestHandshakesOfAByteAtATime(t *testing.T) {
	const most, pause = 300 * time.Millisecond, 10 * time.Millisecond
	all := append(overWebSocket(t), overTLS(t))
	for i := range all {
		all[i].Limits.Handshake = most
	}
	for name, tt := range map[string]struct {
		transport flow.Transport
		text      string
	}{
		"WebSocket": {flow.WS, "GET /sip HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", maxUpgrade/8)},
		"TLS":       {flow.TLS, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("y", 400)},
	} {
		t.Run(name, func(t *testing.T) {
			h := streamStack(t, all...)
			p, began := h.dial(tt.transport), time.Now()
			ended := make(chan time.Duration)
			go func() {
				for _, c := range tt.text {
					if _, err := io.WriteString(p.Conn, string(c)); err != nil {
						break
					}
					time.Sleep(pause) // the far end is slow; nothing is waited for
				}
				ended <- time.Since(began)
			}()
			h.browser(flow.WS).frame(ws.OpText, true, options("a", ""))
			await(t, h.messages, 1, "messages")
			if took := <-ended; took < most {
				t.Errorf("over after %v, want %v", took, most)
			}
			h.awaitHandshakes(handshakeTimeout, 1)
		})
	}
}

// A frame that says that it is longer than any message may be is not waited for.
func TestRFC6455_5_2_FrameTooLongToCome(t *testing.T) {
	h := streamStack(t, overWebSocket(t)...)
	for _, length := range []int64{largeBuffer + 1, 1 << 40, 1<<63 - 1} {
		b := h.browser(flow.WS)
		if err := ws.WriteHeader(b.Conn, ws.Header{Fin: true, OpCode: ws.OpBinary, Masked: true, Length: length}); err != nil {
			t.Fatal(err)
		}
		b.readsClose(ws.StatusMessageTooBig)
		_ = b.Close()
		h.ends(closedTooLarge)
	}
}

// Half-open handshakes of WebSockets take bounded memory, and keep out nobody, though there
// are more than places: a share of what hack/flood does with 10,000.
func TestManyHalfOpenWebSockets(t *testing.T) {
	const places, half = 400, 1000
	c := overWebSocket(t)[:1]
	c[0].Limits.Places, c[0].Limits.PerSecond = connlimit.Limits{Total: places, PerSource: places}, 1e9
	h := streamStack(t, c...)
	phone := h.browser(flow.WS)
	phone.frame(ws.OpText, true, options("a", ""))
	kept := await(t, h.messages, 1, "messages").flow
	h.stack.Keep(kept)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range half {
		h.dial(flow.WS).write("GET /sip HTTP/1.1\r\nHost: a\r\n")
		if i%100 == 99 {
			b := h.browser(flow.WS)
			b.frame(ws.OpText, true, options("a", ""))
			await(t, h.messages, 1, "messages")
		}
	}
	upTo(t, "the first have made room", func() bool { return h.closes(closedLimit) >= half-places })
	runtime.GC()
	runtime.ReadMemStats(&after)
	const each = 48 << 10 // of both ends, which are in this process
	if n := int64(after.HeapInuse+after.StackInuse) - int64(before.HeapInuse+before.StackInuse); n > half*each {
		t.Errorf("%d bytes for %d", n, half)
	}
	if !h.stack.Alive(kept) {
		t.Error("a phone that is registered had to make room")
	}
}
