package main

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestQueryAsksAndDoesNotBind(t *testing.T) {
	text := string(query("u1", "127.0.0.1:9", 3))
	if !strings.HasPrefix(text, "REGISTER sip:bench.example SIP/2.0\r\n") || !strings.HasSuffix(text, "\r\n\r\n") {
		t.Errorf("not a whole REGISTER: %q", text)
	}
	if strings.Contains(text, "\r\nContact:") {
		t.Errorf("it binds: %q", text)
	}
}

func TestCountContacts(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		want   int
	}{
		"none":            {"SIP/2.0 200 OK\r\nTo: <sip:u@x>\r\n\r\n", 0},
		"one":             {"SIP/2.0 200 OK\r\nContact: <sip:u@h:1>;expires=5\r\n\r\n", 1},
		"two in one line": {"SIP/2.0 200 OK\r\nContact: <sip:u@h:1>, <sip:u@h:2>\r\n\r\n", 2},
		"two lines":       {"SIP/2.0 200 OK\r\nContact: <sip:u@h:1>\r\ncontact : <sip:u@h:2>\r\n\r\n", 2},
		"compact form":    {"SIP/2.0 200 OK\r\nm: <sip:u@h:1>\r\n\r\n", 1},
	} {
		if got := countContacts(tt.answer); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}

// Also against a listener that would share the port.
func TestCheckFreeRefusesATakenAddress(t *testing.T) {
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}), err)
	}}
	conn, err := shared.ListenPacket(t.Context(), "udp4", "127.90.2.2:0")
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	checkError(t, checkFree(address), "address taken")
	_ = conn.Close()
	checkError(t, checkFree(address), "")
}

func TestCheckBindingsWantsExactlyOne(t *testing.T) {
	for name, tt := range map[string]struct {
		status, contacts string
		want             string
	}{
		"one binding":        {"SIP/2.0 200 OK", "Contact: <sip:u@h>\r\n", ""},
		"acknowledged, lost": {"SIP/2.0 200 OK", "", "has 0 bindings"},
		"refreshes added":    {"SIP/2.0 200 OK", "Contact: <sip:u@h>, <sip:u@i>\r\n", "has 2 bindings"},
		"refused":            {"SIP/2.0 503 Busy", "Contact: <sip:u@h>\r\n", "503 Busy"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 90, 2, 1)})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				serve(conn, tt.status, tt.contacts)
			}()
			err = checkBindings(conn.LocalAddr().(*net.UDPAddr).AddrPort(), 10)
			_ = conn.Close()
			<-done
			checkError(t, err, tt.want)
		})
	}
}

// serve answers every query alike, after a stray answer that must be ignored.
func serve(conn *net.UDPConn, status, contacts string) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		_, rest, _ := strings.Cut(string(buffer[:n]), "\r\n")
		_, _ = conn.WriteToUDP([]byte("SIP/2.0 500 Stray\r\nCall-ID: another\r\n\r\n"), from)
		_, _ = conn.WriteToUDP([]byte(status+"\r\n"+contacts+rest), from)
	}
}
