package proxyheader

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// v2 is a header of version 2.
func v2(command, family byte, rest string) string {
	return signature2 + string([]byte{command, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(rest)))) + rest
}

func TestParse(t *testing.T) {
	four := "\xc0\x00\x02\x01\xc0\x00\x02\x02\x13\xc4\x13\xc5"
	six := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + strings.Repeat("\x00", 16) + "\x13\xc4\x13\xc5"
	mapped := strings.Repeat("\x00", 10) + "\xff\xff\xc0\x00\x02\x01" + strings.Repeat("\x00", 16) + "\x13\xc4\x13\xc5"
	for name, tt := range map[string]struct {
		header string
		source string // empty for none
		fault  bool
	}{
		"version 1, IPv4":            {"PROXY TCP4 192.0.2.1 192.0.2.2 5060 5061\r\n", "192.0.2.1:5060", false},
		"version 1, IPv6":            {"PROXY TCP6 2001:db8::1 2001:db8::2 5060 5061\r\n", "[2001:db8::1]:5060", false},
		"version 1, unknown":         {"PROXY UNKNOWN\r\n", "", false},
		"version 1, unknown, more":   {"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "", false},
		"version 1, longest":         {"PROXY UNKNOWN " + strings.Repeat("f", maxLen1-16) + "\r\n", "", false},
		"version 1, too long":        {"PROXY UNKNOWN " + strings.Repeat("f", maxLen1-15) + "\r\n", "", true},
		"version 1, wrong family":    {"PROXY TCP4 2001:db8::1 2001:db8::2 5060 5061\r\n", "", true},
		"version 1, IPv4 as IPv6":    {"PROXY TCP6 192.0.2.1 192.0.2.2 5060 5061\r\n", "", true},
		"version 1, a zone":          {"PROXY TCP6 fe80::1%eth0 fe80::2 5060 5061\r\n", "", true},
		"version 1, UDP":             {"PROXY UDP4 192.0.2.1 192.0.2.2 5060 5061\r\n", "", true},
		"version 1, no port":         {"PROXY TCP4 192.0.2.1 192.0.2.2 5060\r\n", "", true},
		"version 1, a port beyond":   {"PROXY TCP4 192.0.2.1 192.0.2.2 65536 5061\r\n", "", true},
		"version 1, a signed port":   {"PROXY TCP4 192.0.2.1 192.0.2.2 +5060 5061\r\n", "", true},
		"version 1, an empty port":   {"PROXY TCP4 192.0.2.1 192.0.2.2  5061\r\n", "", true},
		"version 1, a port as octal": {"PROXY TCP4 192.0.2.1 192.0.2.2 05060 5061\r\n", "", true},
		"version 1, two spaces":      {"PROXY  TCP4 192.0.2.1 192.0.2.2 5060 5061\r\n", "", true},
		"version 1, nothing":         {"PROXY \r\n", "", true},
		"version 2, IPv4":            {v2(proxy, tcp4, four), "192.0.2.1:5060", false},
		"version 2, IPv4 and more":   {v2(proxy, tcp4, four+"\x04\x00\x01x"), "192.0.2.1:5060", false},
		"version 2, IPv6":            {v2(proxy, tcp6, six), "[2001:db8::1]:5060", false},
		"version 2, IPv4 in IPv6":    {v2(proxy, tcp6, mapped), "192.0.2.1:5060", false},
		"version 2, local":           {v2(local, 0, ""), "", false},
		"version 2, local, IPv4":     {v2(local, tcp4, four), "", false},
		"version 2, a Unix socket":   {v2(proxy, 0x31, strings.Repeat("x", 216)), "", false},
		"version 2, too short":       {v2(proxy, tcp4, four[1:]), "", true},
		"version 2, IPv6 too short":  {v2(proxy, tcp6, six[1:]), "", true},
		"version 2, longest":         {v2(proxy, tcp4, four+strings.Repeat("x", MaxLen-fixed2-len(four))), "192.0.2.1:5060", false},
		"version 2, too long":        {v2(proxy, tcp4, four+strings.Repeat("x", MaxLen-fixed2-len(four)+1)), "", true},
		"version 3":                  {v2(0x31, tcp4, four), "", true},
		"version 2, no command":      {v2(0x22, tcp4, four), "", true},
		"SIP":                        {"OPTIONS sip:a SIP/2.0\r\n", "", true},
	} {
		source, n, err := Parse([]byte(tt.header + "OPTIONS"))
		if tt.fault {
			if !errors.Is(err, ErrMalformed) || n != 0 || source.IsValid() {
				t.Errorf("%s: %s, %d, %v", name, source, n, err)
			}
			continue
		}
		want := netip.AddrPort{}
		if tt.source != "" {
			want = netip.MustParseAddrPort(tt.source)
		}
		if err != nil || source != want || n != len(tt.header) {
			t.Errorf("%s: %s, %d, %v, want %s, %d", name, source, n, err, want, len(tt.header))
		}
		for cut := range len(tt.header) {
			if _, n, err := Parse([]byte(tt.header[:cut])); n != 0 || err != nil {
				t.Errorf("%s: of %d bytes: %d, %v", name, cut, n, err)
			}
		}
		if !Is([]byte(tt.header)[:SignatureLen]) {
			t.Errorf("%s: is none", name)
		}
	}
}

// FuzzParse: nothing is taken that is not there, and nothing more is asked for than
// there may be.
func FuzzParse(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 5060 5061\r\nx"))
	f.Add([]byte(v2(proxy, tcp6, strings.Repeat("\x01", 36))))
	f.Fuzz(func(t *testing.T, b []byte) {
		source, n, err := Parse(b)
		switch {
		case n < 0 || n > len(b) || n > MaxLen:
			t.Fatalf("%d bytes of %d", n, len(b))
		case n == 0 && err == nil && len(b) >= MaxLen:
			t.Fatalf("asks for more than %d bytes", len(b))
		case n == 0 && source.IsValid() || err != nil && n != 0:
			t.Fatalf("%s, %d, %v", source, n, err)
		case source.Addr().Is4In6() || source.Addr().Zone() != "":
			t.Fatalf("%s", source)
		}
	})
}
