package wire

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// An answer repeats headers of the request, and none of the characters that it was refused for.
func TestAnswerHoldsNoControls(t *testing.T) {
	const line = "Call-ID: a\r\x00b\\\x07\x0bc\r\n"
	raw := "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK\x00\r\nTo: \"a\tb\r\" <sip:a@b>\r\n\r\r\n" + line + "CSeq: 1 OPTIONS\r\n\r\n"
	var m Message
	if got := verdict(m.Scan([]byte(raw), nil)); got != "400 Malformed Header Field" { // "\r" is no header line
		t.Fatal(got)
	}
	raw = strings.Replace(raw, "\r\n\r\r\n", "\r\n", 1)
	if got := verdict(m.Scan([]byte(raw), nil)); got != "400 NUL In Header" {
		t.Fatal(got)
	}
	want := "SIP/2.0 400 NUL\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK \r\nTo: \"a\tb \" <sip:a@b>\r\nCall-ID: a  b\\\x07 c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
	if got := string(AppendResponse(nil, &m, 400, "NUL", nil, nil)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestControlsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xff}))).Draw(t, "b")
		want := 0
		for _, c := range b {
			if c < 0x20 || c == 0x7f {
				want++
			}
		}
		if got := controls(b); got != want {
			t.Fatalf("%q has %d, not %d", b, got, want)
		}
	})
}
