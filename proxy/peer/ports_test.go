package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
)

// opened are the sockets of the address that others reach, as "tcp 7947": TCP
// sockets that listen and UDP sockets.
func opened(t *testing.T, address string) []string {
	t.Helper()
	ip := netip.MustParseAddr(address).As4()
	own := fmt.Sprintf("%08X:", binary.NativeEndian.Uint32(ip[:]))
	states := map[string]string{"tcp": "0A", "udp": "07"} // TCP_LISTEN, TCP_CLOSE
	var out []string
	for protocol, state := range states {
		text, err := os.ReadFile("/proc/net/" + protocol)
		if err != nil {
			t.Skip(err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 4 || f[3] != state || !strings.HasPrefix(f[1], own) {
				continue
			}
			var port int
			if _, err := fmt.Sscanf(f[1][len(own):], "%X", &port); err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%s %d", protocol, port))
		}
	}
	return out
}

// TestOnlyThePeerPortIsOpen: what decides who is alive needs no port at which
// strangers could ask for memory or work.
func TestOnlyThePeerPortIsOpen(t *testing.T) {
	c := newTrial(t, 1)
	c.start(1)
	if got, want := opened(t, c.member(1).Address), []string{fmt.Sprintf("tcp %d", c.ports.Peer)}; !slices.Equal(got, want) {
		t.Errorf("open are %q, want %q", got, want)
	}
}
