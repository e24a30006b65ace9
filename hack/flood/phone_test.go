package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// registrar is a stub proxy: answer gets each request and how many came before.
func registrar(t *testing.T, answer func(m *message, n int) []byte) netip.AddrPort {
	t.Helper()
	conn, at, err := listen(netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		receive(conn, func(b []byte, from netip.AddrPort) {
			if a := answer(parse(b), n); a != nil {
				_, _ = conn.WriteToUDPAddrPort(a, from)
			}
			n++
		})
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return at
}

func testPhone(t *testing.T, user string, proxy netip.AddrPort, y *tally) *phone {
	t.Helper()
	p, err := newPhone(user, "", loopback, proxy, y)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// await is the tally's result once it has n requests.
func await(t *testing.T, y *tally, n int) result {
	t.Helper()
	for end := time.Now().Add(3 * patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if r := y.result(""); r.requests() >= n {
			return r
		}
	}
	t.Fatalf("%d requests, want %d", y.result("").requests(), n)
	return result{}
}

// A phone calls one that is its proxy too.
func TestCall(t *testing.T) {
	t.Parallel()
	var y tally
	b := testPhone(t, "b", netip.AddrPort{}, &y)
	testPhone(t, "a", b.at, &y).call("b")
	if r := await(t, &y, 3); r.requests() != 3 || r.failed > 0 {
		t.Errorf("%d requests, want INVITE, ACK and BYE; %d failed: %v", r.requests(), r.failed, r.reasons)
	}
}

// What is lost once is sent again, and is late by that.
func TestLostRequest(t *testing.T) {
	t.Parallel()
	var y tally
	at := registrar(t, func(m *message, n int) []byte {
		if n == 0 {
			return nil
		}
		return answerTo(m, 200, "OK", "r")
	})
	testPhone(t, "a", at, &y).register()
	if r := y.result(""); r.failed > 0 || len(r.took) != 1 || r.took[0] < t1 {
		t.Errorf("took %v, want more than %s: %v", r.took, t1, r.reasons)
	}
}

func TestNoAnswerIsAFailure(t *testing.T) {
	t.Parallel()
	var y tally
	at := registrar(t, func(m *message, n int) []byte {
		if n == 0 {
			return answerTo(m, 503, "Service Unavailable", "r")
		}
		return nil
	})
	p := testPhone(t, "a", at, &y)
	p.register()
	began := time.Now()
	p.register()
	if took := time.Since(began); took < patience {
		t.Errorf("gave up after %s", took)
	}
	r := y.result("")
	if r.failed != 2 || len(r.took) > 0 || !strings.Contains(r.reasons[0], "503") || !strings.HasSuffix(r.reasons[1], "no answer") {
		t.Errorf("%d failed: %v", r.failed, r.reasons)
	}
}

// Without the ACK the call was not set up.
func TestMissingACKIsAFailure(t *testing.T) {
	t.Parallel()
	var y tally
	deaf := registrar(t, func(*message, int) []byte { return nil })
	p := testPhone(t, "a", deaf, &y)
	invite := toUser("INVITE", deaf, "a")
	u, err := newUA(loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer u.conn.Close()
	if code := u.final(t.Context(), invite, p.at, time.Second); code != 200 {
		t.Fatalf("answered %d", code)
	}
	if r := await(t, &y, 1); r.failed != 1 || !strings.HasPrefix(r.reasons[0], "ACK of a") {
		t.Errorf("%d failed: %v", r.failed, r.reasons)
	}
}
