//go:build linux

package main

import (
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDatagramOfAPacket(t *testing.T) {
	const (
		head = "4500 0020 0001 0000 4011 0000 c6336401 cb007116" // 198.51.100.1 to 203.0.113.22
		udp  = "13c6 13c4 000c 0000"
		text = "41434b20"
	)
	for name, c := range map[string]struct {
		packet string
		want   string
	}{
		"whole":              {head + udp + text, "198.51.100.1:5062 203.0.113.22:5060 ACK "},
		"padded":             {head + udp + text + "0000", "198.51.100.1:5062 203.0.113.22:5060 ACK "},
		"options":            {strings.NewReplacer("4500 0020", "4600 0024").Replace(head) + "01010101" + udp + text, "198.51.100.1:5062 203.0.113.22:5060 ACK "},
		"the first fragment": {strings.Replace(head, "0001 0000", "0001 2000", 1) + udp + text, "198.51.100.1:5062 203.0.113.22:5060 ACK "},
		"another fragment":   {strings.Replace(head, "0001 0000", "0001 0001", 1) + udp + text, ""},
		"no UDP":             {strings.Replace(head, "4011", "4006", 1) + udp + text, ""},
		"IPv6":               {"6" + head[1:] + udp + text, ""},
		"a short header":     {"41" + head[2:] + udp + text, ""},
		"no ports":           {strings.Replace(head, "0020", "0018", 1) + "13c6 13c4", ""},
		"nothing":            {"", ""},
	} {
		packet, err := hex.DecodeString(strings.ReplaceAll(c.packet, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if d, ok := parseDatagram(packet); ok {
			got = d.from.String() + " " + d.to.String() + " " + string(d.text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTapSeesWhatComes: and counts what it misses.
func TestTapSeesWhatComes(t *testing.T) {
	seen := make(chan datagram, 1000)
	w, err := tap(func(d datagram) {
		select {
		case seen <- datagram{d.from, d.to, append([]byte{}, d.text...)}:
		default:
		}
	})
	if err != nil {
		t.Skip(err) // needs root
	}
	at := netip.MustParseAddrPort("127.0.0.1:9")
	send, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer send.Close()
	if _, err := send.Write([]byte("ACK sip:tap")); err != nil {
		t.Fatal(err)
	}
	for d := range seen {
		if d.to == at && string(d.text) == "ACK sip:tap" {
			break
		}
	}
	if missed, err := w.close(); err != nil || missed > 0 {
		t.Errorf("%d missed, %v", missed, err)
	}
}
