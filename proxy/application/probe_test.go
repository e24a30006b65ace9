package application

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
)

// patience is for what must come, be the machine ever so busy.
const patience = time.Minute

// answered is a response with that status to a request.
func answered(t *testing.T, request []byte, status int) string {
	var m wire.Message
	if err := m.Scan(request, nil); err != nil {
		t.Errorf("%v: %q", err, request)
		return ""
	}
	if err := m.Validate(); err != nil {
		t.Errorf("%v: %q", err, request)
	}
	return string(wire.AppendResponse(nil, &m, status, "Any", []byte("tag"), nil))
}

// userAgent is a UDP socket that answers as the function says.
func userAgent(t *testing.T, answer func(request []byte) []string) (port int) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			} else if err != nil {
				continue
			}
			for _, text := range answer(buf[:n]) {
				_, _ = conn.WriteTo([]byte(text), from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// service is a TCP port that answers the first request of each connection as the function says.
func service(t *testing.T, answer func(request []byte) []string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 64<<10)
			if n, err := conn.Read(buf); err == nil {
				for _, text := range answer(buf[:n]) {
					_, _ = conn.Write([]byte(text))
				}
				_, _ = conn.Read(buf) // until the other end closes
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().(*net.TCPAddr).Port
}

// TestAnswersToOptions over both protocols: what counts is the answer to the question, whatever else comes.
func TestAnswersToOptions(t *testing.T) {
	answer := func(status int) func([]byte) []string {
		return func(request []byte) []string { return []string{answered(t, request, status)} }
	}
	edited := func(old, new string) func([]byte) []string {
		return func(request []byte) []string {
			return []string{strings.ReplaceAll(answered(t, request, 200), old, new)}
		}
	}
	after := func(texts ...string) func([]byte) []string {
		return func(request []byte) []string { return append(slices.Clip(texts), answered(t, request, 200)) }
	}
	invite := "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
	for name, tt := range map[string]struct {
		answer func([]byte) []string
		want   Result
	}{
		"200":                      {answer(200), Healthy},
		"404":                      {answer(404), Healthy},
		"405":                      {answer(405), Healthy},
		"481":                      {answer(481), Healthy},
		"501":                      {answer(501), Healthy},
		"603":                      {answer(603), Healthy},
		"408":                      {answer(408), Failed},
		"500":                      {answer(500), Failed},
		"503":                      {answer(503), Failed},
		"504":                      {answer(504), Failed},
		"a provisional one":        {answer(100), Failed},
		"nothing":                  {func([]byte) []string { return nil }, Failed},
		"another branch":           {edited("branch=z9hG4bK", "branch=z9hG4bKx"), Failed},
		"another Call-ID":          {edited("Call-ID: ", "Call-ID: x"), Failed},
		"another method":           {edited("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"), Failed},
		"after a provisional one":  {func(r []byte) []string { return []string{answered(t, r, 100), answered(t, r, 486)} }, Healthy},
		"after requests of its":    {after(invite, invite), Healthy},
		"after keep-alives":        {after("\r\n\r\n", "\r\n\r\n"), Healthy},
		"503 before 200":           {func(r []byte) []string { return []string{answered(t, r, 503), answered(t, r, 200)} }, Failed},
		"much, and then an answer": {after(strings.Split(strings.Repeat(invite+"|", maxRead+1), "|")[:maxRead+1]...), Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patient := time.Duration(500) * time.Millisecond // to see that nothing comes
			if tt.want == Healthy {
				patient = patience
			}
			udp := newProber(app(config.CheckOptions, config.ProtocolUDP, userAgent(t, tt.answer), 1000, 3), Host(""))
			defer udp.close()
			for range 2 { // the socket stays
				if got := udp.probe(t.Context(), time.Now().Add(patient)); got != tt.want {
					t.Errorf("over UDP: %s", got)
				}
			}
			tcp := newProber(app(config.CheckOptions, config.ProtocolTCP, service(t, tt.answer), 1000, 3), Host(""))
			if got := tcp.probe(t.Context(), time.Now().Add(patient)); got != tt.want {
				t.Errorf("over TCP: %s", got)
			}
		})
	}
}

// TestStreamsThatAreNoAnswer end the check before its time.
func TestStreamsThatAreNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"no SIP":        "HTTP/1.1 400 Bad Request\r\n\r\n",
		"a long header": "SIP/2.0 200 OK\r\nX: " + strings.Repeat("x", 2*maxAnswer),
		"a long body":   "SIP/2.0 200 OK\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("x", 60000),
		"a bad length":  "SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n",
	} {
		p := newProber(app(config.CheckOptions, config.ProtocolTCP, service(t, func([]byte) []string { return []string{text} }), 1000, 3), Host(""))
		began := time.Now()
		if got := p.probe(t.Context(), began.Add(2*patience)); got != Failed || time.Since(began) > patience {
			t.Errorf("%s: %s after %s", name, got, time.Since(began))
		}
	}
}

// TestNobodyListens is a refusal at once, and again, and over when somebody does.
func TestNobodyListens(t *testing.T) {
	port := userAgent(t, func(r []byte) []string { return []string{answered(t, r, 200)} })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	for name, p := range map[string]prober{
		"UDP":       newProber(app(config.CheckOptions, config.ProtocolUDP, nobody, 1000, 3), Host("")),
		"TCP":       newProber(app(config.CheckOptions, config.ProtocolTCP, nobody, 1000, 3), Host("")),
		"a connect": newProber(app(config.CheckTCP, config.ProtocolUDP, nobody, 1000, 3), Host("")),
	} {
		for range 3 {
			if got := p.probe(t.Context(), time.Now().Add(patience)); got != Refused {
				t.Errorf("%s: %s", name, got)
			}
		}
		p.close()
	}
	d := &datagrams{to: netip.AddrPortFrom(Host(""), uint16(nobody))}
	defer d.close()
	if got := d.probe(t.Context(), time.Now().Add(patience)); got != Refused {
		t.Errorf("%s", got)
	}
	d.to = netip.AddrPortFrom(Host(""), uint16(port))
	d.close() // a socket is of one port
	if got := d.probe(t.Context(), time.Now().Add(patience)); got != Healthy {
		t.Errorf("%s", got)
	}
}

// TestConnectIsEnough where that is what is asked for.
func TestConnectIsEnough(t *testing.T) {
	p := newProber(app(config.CheckTCP, config.ProtocolTCP, service(t, func([]byte) []string { return nil }), 1000, 3), Host(""))
	if got := p.probe(t.Context(), time.Now().Add(patience)); got != Healthy {
		t.Errorf("%s", got)
	}
}

// TestCheckerOfARealPort: it serves, hangs, and serves again; Run ends in the middle of a check.
func TestCheckerOfARealPort(t *testing.T) {
	var hangs atomic.Bool
	port := userAgent(t, func(r []byte) []string {
		if hangs.Load() {
			return nil
		}
		return []string{answered(t, r, 200)}
	})
	c := NewChecker(app(config.CheckOptions, config.ProtocolUDP, port, 100, 3), Host(""), func(Result, bool) {})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	for _, serves := range []bool{true, false, true, false} {
		hangs.Store(!serves)
		for end := time.Now().Add(patience); c.Serves() != serves; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it serves: %v", !serves)
			}
		}
	}
	if c.Checks(Healthy) < 4 || c.Checks(Failed) < 6 || c.Checks(Refused) != 0 {
		t.Errorf("%d healthy, %d failed, %d refused", c.Checks(Healthy), c.Checks(Failed), c.Checks(Refused))
	}
	cancel()
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("Run does not end with its context")
	}
}
