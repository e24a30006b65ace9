package wsframe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"pgregory.net/rapid"
)

// client is a frame of a client.
func client(op ws.OpCode, last bool, payload string) string {
	return string(ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, last, []byte(payload)))))
}

// altered is a text frame with other bits in its first byte.
func altered(xor byte) string {
	b := []byte(client(ws.OpText, true, "x"))
	b[0] ^= xor
	return string(b)
}

func closing(code uint16, reason string) string {
	return client(ws.OpClose, true, string(binary.BigEndian.AppendUint16(nil, code))+reason)
}

// all says what a stream holds that comes in pieces.
func all(most int, stream string, pieces func(left int) int) (found []string) {
	a := Assembler{Most: most}
	var b []byte
	for {
		e, n := a.Next(b)
		b = b[:n]
		switch e.Kind {
		case More:
			if len(stream) == 0 {
				return append(found, fmt.Sprintf("more %d", len(b)))
			}
			take := pieces(len(stream))
			b, stream = append(b, stream[:take]...), stream[take:]
			continue
		case Message:
			found = append(found, fmt.Sprintf("message %q %v", e.Data, e.Text))
			b = b[len(e.Data):]
		case Ping:
			found = append(found, fmt.Sprintf("ping %q", e.Data))
		case Pong:
			found = append(found, fmt.Sprintf("pong %q", e.Data))
		case Close:
			return append(found, fmt.Sprintf("close %d", e.Code))
		case Fault:
			return append(found, fmt.Sprintf("fault %d", e.Code))
		}
	}
}

func TestRFC6455_5_Frames(t *testing.T) {
	const most = 70_000
	part := func(op ws.OpCode, text string) string { return client(op, false, text) }
	end := func(text string) string { return client(ws.OpContinuation, true, text) }
	long := strings.Repeat("x", most-14)
	for name, tt := range map[string]struct{ stream, want string }{
		"nothing":                      {"", `more 0`},
		"text":                         {client(ws.OpText, true, "ab"), `message "ab" true, more 0`},
		"binary":                       {client(ws.OpBinary, true, "\xff"), `message "\xff" false, more 0`},
		"empty":                        {client(ws.OpText, true, ""), `message "" true, more 0`},
		"two":                          {client(ws.OpText, true, "a") + client(ws.OpBinary, true, "b"), `message "a" true, message "b" false, more 0`},
		"of 200 bytes":                 {client(ws.OpBinary, true, long[:200]), fmt.Sprintf(`message %q false, more 0`, long[:200])},
		"the longest":                  {client(ws.OpBinary, true, long), fmt.Sprintf(`message %q false, more 0`, long)},
		"too long":                     {client(ws.OpBinary, true, long+"x"), `fault 1009`},
		"a length beyond any":          {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff....", `fault 1009`},
		"fragments":                    {part(ws.OpText, "a") + part(ws.OpContinuation, "") + end("bc"), `message "abc" true, more 0`},
		"fragments, together too long": {part(ws.OpBinary, long[:most/2]) + end(long[:most/2]), `fault 1009`},
		"a ping between fragments":     {part(ws.OpText, "a") + client(ws.OpPing, true, "p") + end("b") + client(ws.OpText, true, "c"), `ping "p", message "ab" true, message "c" true, more 0`},
		"a character across fragments": {part(ws.OpText, "\xc3") + end("\xa4"), `message "ä" true, more 0`},
		"half a character":             {client(ws.OpText, true, "\xc3"), `fault 1007`},
		"pong":                         {client(ws.OpPong, true, ""), `pong "", more 0`},
		"close":                        {client(ws.OpClose, true, ""), `close 1000`},
		"close with a code":            {closing(1001, "bye"), `close 1001`},
		"close with half a code":       {client(ws.OpClose, true, "\x03"), `fault 1002`},
		"close with a code of nobody":  {closing(1005, ""), `fault 1002`},
		"close with no UTF-8":          {closing(1000, "\xff"), `fault 1002`},
		"part of a frame":              {client(ws.OpText, true, "abc")[:8], `more 8`},
		"continues nothing":            {end("a"), `fault 1002`},
		"another within one":           {part(ws.OpText, "a") + client(ws.OpText, true, "b"), `fault 1002`},
		"not masked":                   {string(ws.MustCompileFrame(ws.NewTextFrame([]byte("a")))), `fault 1002`},
		"compressed":                   {altered(0x40), `fault 1002`},
		"a reserved bit":               {altered(0x10), `fault 1002`},
		"a reserved opcode":            {altered(0x02), `fault 1002`},
		"a reserved control":           {altered(0x0a), `fault 1002`},
		"a ping in fragments":          {client(ws.OpPing, false, "a"), `fault 1002`},
		"a ping too long":              {client(ws.OpPing, true, long[:126]), `fault 1002`},
	} {
		for pace, pieces := range map[string]func(int) int{"at once": func(left int) int { return left }, "by bytes": func(int) int { return 1 }} {
			if got := strings.Join(all(most, tt.stream, pieces), ", "); got != tt.want {
				t.Errorf("%s, %s: %.200s, want %.200s", name, pace, got, tt.want)
			}
		}
	}
}

// What Append writes, the library reads.
func TestAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 300), rapid.SampledFrom([]int{125, 126, 127, 65535, 65536})).Draw(t, "length")
		payload := bytes.Repeat([]byte("x"), n)
		b := bytes.NewReader(Append(nil, ws.OpBinary, payload))
		h, err := ws.ReadHeader(b)
		if want := (ws.Header{Fin: true, OpCode: ws.OpBinary, Length: int64(n)}); err != nil || h != want || b.Len() != n {
			t.Fatalf("%+v, %d bytes, %v", h, b.Len(), err)
		}
	})
}

// FuzzNext: however the bytes come, they hold the same, and nothing is told that is not
// there.
func FuzzNext(f *testing.F) {
	f.Add([]byte(client(ws.OpText, false, "a") + client(ws.OpPing, true, "p") + client(ws.OpContinuation, true, "b")))
	f.Add([]byte(closing(1000, "bye")))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff...."))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := all(1000, string(stream), func(left int) int { return left })
		if got := all(1000, string(stream), func(left int) int { return min(left, 3) }); strings.Join(got, ",") != strings.Join(whole, ",") {
			t.Fatalf("in pieces %v, at once %v", got, whole)
		}
	})
}
