package server

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// A phone over UDP learns its address by STUN, at the port that it sends SIP to.
func TestRFC5626_3_5_2_STUN(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	p := newPhone(t, "alice")
	const id = "abcdefghijkl"
	p.sendRaw(x.addr, []byte("\x00\x01\x00\x00\x21\x12\xa4\x42"+id))
	a, port := p.addr.Addr().As4(), p.addr.Port()
	want := append([]byte("\x01\x01\x00\x0c\x21\x12\xa4\x42"+id+"\x00\x20\x00\x08\x00\x01"),
		byte(port>>8)^0x21, byte(port)^0x12, a[0]^0x21, a[1]^0x12, a[2]^0xa4, a[3]^0x42)
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, 100)
	if n, err := p.conn.Read(got); err != nil || !bytes.Equal(got[:n], want) {
		t.Errorf("answered %x, %v, want %x", got[:n], err, want)
	}
}

// A flood of STUN is one of its source, as any other.
func TestFloodsOfSTUNAreNotAnswered(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.Limits.MessagesPerSecond = 100 })
	f := flow.OverUDP(netip.MustParseAddrPort("192.0.2.1:9"))
	request := []byte("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl")
	for range 100_000 {
		x.Message(f, request)
	}
	if dropped, answered := x.metrics.dropped[dropFlood].Load(), x.metrics.stunAnswers.Load(); dropped == 0 || answered == 0 || dropped+answered != 100_000 {
		t.Errorf("%d are dropped and %d answered", dropped, answered)
	}
}
