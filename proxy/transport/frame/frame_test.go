package frame

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/wire"
)

// all scans a stream that comes in pieces, and says what it holds: kinds and lengths.
func all(stream []byte, pieces func(left int) int) (found []string) {
	var s Scanner
	var b []byte
	for {
		kind, n := s.Next(b)
		switch kind {
		case More:
			if n <= len(b) {
				return append(found, fmt.Sprintf("asks for %d bytes and has %d", n, len(b)))
			}
			if len(stream) == 0 {
				return append(found, fmt.Sprintf("more %d", len(b)))
			}
			take := pieces(len(stream))
			b, stream = append(b, stream[:take]...), stream[take:]
			continue
		case Garbage, TooLong:
			return append(found, names[kind])
		}
		found = append(found, fmt.Sprintf("%s %d", names[kind], n))
		b = b[n:]
	}
}

var names = map[Kind]string{
	Message: "message", NoLength: "no length", BadLength: "bad length", Ping: "ping", LineEnd: "line end", Garbage: "garbage", TooLong: "too long",
}

func request(fields string, body string) string {
	return "OPTIONS sip:a.example SIP/2.0\r\n" + fields + "\r\n" + body
}

func TestRFC3261_18_3_Framing(t *testing.T) {
	const head = len("OPTIONS sip:a.example SIP/2.0\r\n") + 2
	long := strings.Repeat("x", MaxHeader)
	for name, tt := range map[string]struct {
		stream string
		want   string
	}{
		"nothing":                     {"", "more 0"},
		"a message":                   {request("Content-Length: 3\r\n", "abc"), fmt.Sprintf("message %d, more 0", head+19+3)},
		"by its compact name":         {request("l:0\r\n", ""), fmt.Sprintf("message %d, more 0", head+5)},
		"space before the colon":      {request("CONTENT-LENGTH \t: 1\r\n", "a"), fmt.Sprintf("message %d, more 0", head+21+1)},
		"folded":                      {request("l:\r\n 2\r\n", "ab"), fmt.Sprintf("message %d, more 0", head+8+2)},
		"two in a segment":            {request("l:1\r\n", "a") + request("l:0\r\n", ""), fmt.Sprintf("message %d, message %d, more 0", head+6, head+5)},
		"a response":                  {"SIP/2.0 200 OK\r\nl:0\r\n\r\n", "message 23, more 0"},
		"bare line feeds":             {"SIP/2.0 200 OK\nl:1\n\nx", "message 21, more 0"},
		"part of a header":            {request("l:1\r\n", "")[:20], "more 20"},
		"part of a body":              {request("l:9\r\n", "abc"), fmt.Sprintf("more %d", head+5+3)},
		"the name elsewhere":          {request("Subject: Content-Length: 5\r\n", ""), fmt.Sprintf("no length %d, more 0", head+28)},
		"the name of another":         {request("Content-Length-X: 5\r\n", ""), fmt.Sprintf("no length %d, more 0", head+21)},
		"no length":                   {request("To: <sip:a@a.example>\r\n", ""), fmt.Sprintf("no length %d, more 0", head+23)},
		"negative":                    {request("l: -1\r\n", ""), fmt.Sprintf("bad length %d, more 0", head+7)},
		"no number":                   {request("l: \r\n", ""), fmt.Sprintf("bad length %d, more 0", head+5)},
		"twice":                       {request("l: 1\r\nContent-Length: 1\r\n", ""), fmt.Sprintf("bad length %d, more 0", head+6+19)},
		"the largest body":            {request("l: 65536\r\n", ""), fmt.Sprintf("more %d", head+10)},
		"a body too large":            {request("l: 65537\r\n", ""), fmt.Sprintf("bad length %d, more 0", head+10)},
		"a length beyond any integer": {request("l: 99999999999999999999999999\r\n", ""), fmt.Sprintf("bad length %d, more 0", head+31)},
		"a header too long":           {request("X: "+long+"\r\n", ""), "too long"},
		"a line without end":          {"OPTIONS sip:" + long, "too long"},
		"ping":                        {"\r\n\r\n", "line end 2, ping 2, more 0"},
		"ping, message, line end":     {"\r\n\r\n" + request("l:0\r\n", "") + "\r\n", fmt.Sprintf("line end 2, ping 2, message %d, line end 2, more 0", head+5)},
		"two pings":                   {"\r\n\r\n\r\n\r\n", "line end 2, ping 2, line end 2, ping 2, more 0"},
		"half a line end":             {"\r", "more 1"},
		"a carriage return":           {"\rOPTIONS", "garbage"},
		"HTTP":                        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "garbage"},
		"TLS":                         {"\x16\x03\x01\x02\x00\x01", "garbage"},
		"NUL":                         {"\x00", "garbage"},
		"PROXY protocol":              {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", "garbage"},
		"a word without end":          {strings.Repeat("a", maxMethod), "garbage"},
		"no method":                   {" sip:a SIP/2.0\r\n", "garbage"},
	} {
		for pace, pieces := range map[string]func(int) int{"at once": func(left int) int { return left }, "by bytes": func(int) int { return 1 }} {
			if got := strings.Join(all([]byte(tt.stream), pieces), ", "); got != tt.want {
				t.Errorf("%s, %s: %s, want %s", name, pace, got, tt.want)
			}
		}
	}
}

// However a stream is cut into pieces, it holds the same.
func TestPiecesMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{
			"\r\n", "\n", "\r", "OPTIONS sip:a SIP/2.0\r\n", "SIP/2.0 200 OK\r\n", "l: 3\r\n", "l:\r\n 3\r\n", "Via: x\r\n", "abc", " ", "\x00",
			"OPTIONS sip:a SIP/2.0\r\nl:2\r\n\r\nab",
		})).Draw(t, "parts"), "")
		want := all([]byte(stream), func(left int) int { return left })
		got := all([]byte(stream), func(left int) int { return rapid.IntRange(1, left).Draw(t, "piece") })
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Fatalf("in pieces %q holds %v, at once %v", stream, got, want)
		}
	})
}

// FuzzNext: nothing is taken that is not there, and a whole message is one for package
// wire, of the same length.
func FuzzNext(f *testing.F) {
	f.Add([]byte("\r\n\r\n" + request("Content-Length: 3\r\n", "abc") + request("l:\r\n 0\r\n", "")))
	f.Add([]byte("SIP/2.0 200 OK\nl :1\n\nx"))
	f.Add([]byte(request("l: 1\r\nContent-Length: 1\r\n", "a")))
	f.Fuzz(func(t *testing.T, stream []byte) {
		pace := func(left int) int { return min(left, 3) }
		whole := all(stream, func(left int) int { return left })
		if got := all(stream, pace); strings.Join(got, ",") != strings.Join(whole, ",") {
			t.Fatalf("in pieces %v, at once %v", got, whole)
		}
		var s Scanner
		for b := stream; ; {
			kind, n := s.Next(b)
			if kind == More || kind == Garbage || kind == TooLong {
				return
			}
			if n < 1 || n > len(b) {
				t.Fatalf("%s of %d bytes, of %d", names[kind], n, len(b))
			}
			if kind == Message {
				agrees(t, b[:n])
			}
			b = b[n:]
		}
	})
}

// agrees checks that package wire sees no other end, where it sees a message.
func agrees(t *testing.T, message []byte) {
	t.Helper()
	var m wire.Message
	if m.Scan(bytes.Clone(message), &wire.Limits{MaxMessage: 1 << 20, MaxHeaders: 65534, MaxHeaderLen: 1 << 20, MaxStartLine: 1 << 20}) == nil && len(m.Raw) != len(message) {
		t.Fatalf("%q: %d bytes here, %d there", message, len(message), len(m.Raw))
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	message := []byte(request("Via: SIP/2.0/TCP a.example\r\nContent-Length: 3\r\n", "abc"))
	var s Scanner
	if n := testing.AllocsPerRun(100, func() { s.Next(message) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
