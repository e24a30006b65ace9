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

// A flood of STUN from forged sources is one of strangers: each answer is one to somebody
// who has asked for nothing. Who is known is answered all the same.
func TestForgedSTUNIsAnsweredWithinTheShareOfStrangers(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.UDPLoops = 1 })
	request := []byte("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl")
	x.Message(flow.OverUDP(netip.MustParseAddrPort("192.0.2.1:9")), request)
	const many = 200_000
	began := x.now()
	for i := range uint32(many) {
		x.Message(flow.OverUDP(netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)}), 9)), request)
	}
	most := uint64(1 + strangersRead/strangersBurst + (x.now()-began+1)*strangersRead/1000)
	answered := x.metrics.stunAnswers.Load()
	if dropped := x.metrics.dropped[dropStrangers].Load(); answered > most || dropped+answered != many+1 {
		t.Errorf("%d are dropped and %d answered, at most %d may be", dropped, answered, most)
	}
	phone := netip.MustParseAddrPort("192.0.2.2:9")
	x.facts.add(x.facts.source(phone.Addr()), known, x.now(), x.now()+remembered)
	x.Message(flow.OverUDP(phone), request)
	if n := x.metrics.stunAnswers.Load(); n != answered+1 {
		t.Error("who is known is not answered")
	}
}
