package stun

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The transaction ID and the addresses are those of the test vectors of RFC 5769 2.
const (
	head = "2112a442 b7e7a701bc34d686fa87dfae"
	four = "192.0.2.1:32853"
	six  = "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
)

func TestRFC8489_6_Binding(t *testing.T) {
	const success4 = "0101000c" + head + "0020 0008 0001 a147 e112a643"
	for name, tt := range map[string]struct{ request, source, want string }{
		"IPv4":                   {"00010000" + head, four, success4},
		"IPv4 in IPv6":           {"00010000" + head, "[::ffff:192.0.2.1]:32853", success4},
		"IPv6":                   {"00010000" + head, six, "01010018" + head + "0020 0014 0002 a147 0113a9faa5d3f179bc25f4b5bed2b9d9"},
		"optional attributes":    {"00010010" + head + "8022 0003 61626300 8028 0004 01020304", four, success4},
		"credentials":            {"00010010" + head + "0006 0003 61626300 0014 0001 61000000", four, success4},
		"an unknown attribute":   {"00010008" + head + "0003 0004 00000006", four, "01110010" + head + "0009 0004 00000414 000a 0002 0003 0000"},
		"two":                    {"00010008" + head + "7ff0 0000 7ff1 0000", four, "01110010" + head + "0009 0004 00000414 000a 0004 7ff0 7ff1"},
		"more than are named":    {"00010014" + head + "7ff0 0000 7ff1 0000 7ff2 0000 7ff3 0000 7ff4 0000", four, "01110014" + head + "0009 0004 00000414 000a 0008 7ff0 7ff1 7ff2 7ff3"},
		"an indication":          {"00110000" + head, four, ""},
		"a response":             {"01010000" + head, four, ""},
		"another method":         {"00030000" + head, four, ""},
		"no cookie":              {"00010000" + strings.Repeat("00", 16), four, ""},
		"too short":              {"00010000" + head[:len(head)-2], four, ""},
		"shorter than it says":   {"00010004" + head, four, ""},
		"longer than it says":    {"00010000" + head + "80220000", four, ""},
		"not padded":             {"00010006" + head + "8022 0002 6162", four, ""},
		"an attribute cut short": {"00010008" + head + "8022 0005 61626364", four, ""},
		"nothing":                {"", four, ""},
	} {
		got := AppendAnswer([]byte("x"), unhex(t, tt.request), netip.MustParseAddrPort(tt.source))
		if want := append([]byte("x"), unhex(t, tt.want)...); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

// FuzzAppendAnswer: an answer is to the request that was made, and small.
func FuzzAppendAnswer(f *testing.F) {
	for _, request := range []string{"00010000" + head, "00010008" + head + "7ff0 0000 7ff1 0000", "00010010" + head + "8022 0003 61626300 8028 0004 01020304"} {
		f.Add(unhex(f, request))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, source := range []string{four, six} {
			got := AppendAnswer(nil, b, netip.MustParseAddrPort(source))
			if len(got) == 0 {
				continue
			}
			if len(got) > MaxLen || len(got)%4 != 0 || !bytes.Equal(got[4:headerLen], b[4:headerLen]) || int(got[2])<<8+int(got[3]) != len(got)-headerLen {
				t.Fatalf("%x is answered %x", b, got)
			}
		}
	})
}

func TestAppendAnswerDoesNotAllocate(t *testing.T) {
	request, source, answer := unhex(t, "00010000"+head), netip.MustParseAddrPort(six), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { answer = AppendAnswer(answer[:0], request, source) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
