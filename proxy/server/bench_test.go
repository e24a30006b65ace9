package server

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// startAlone starts a server on a real node of a cluster of one, with these listeners.
func startAlone(b testing.TB, listeners ...config.Listener) *Server {
	b.Helper()
	return startAloneWith(b, routing.Checks{}, listeners...)
}

func startAloneWith(b testing.TB, checks routing.Checks, listeners ...config.Listener) *Server {
	b.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 64+serial.Add(1)%64, testPID>>8&255, testPID&255)
	c := config.Config{Cluster: "bench", Domains: []string{"example.com"}, UDPLoops: 1, Advertise: "127.0.0.1", Listeners: listeners, Limits: config.Limits{Trusted: []string{"127.0.0.0/8"}}}
	c.ApplyDefaults()
	s, err := New(Config{
		Proxy: &c, Self: 1, Address: netip.MustParseAddrPort(host + ":0"), Keys: testKeys(b), Checks: checks,
		// Short, so that contexts come back to the pools within the measurement.
		Timers: transaction.Timers{T1: 5 * time.Millisecond, T4: 5 * time.Millisecond},
	})
	if err != nil {
		b.Fatal(err)
	}
	node, err := peer.Start(peer.Config{Cluster: "bench", ID: 1, Name: "one", Address: host, Ports: c.Ports, Keys: config.NewKeys(), Handler: s})
	if err != nil {
		b.Fatal(err)
	}
	node.SetMembers(&config.MemberSet{
		Epoch: 1, Ring: config.Ring{Partitions: 1024, Replicas: 2},
		Members: []config.Member{{ID: 1, Name: "one", Address: host, State: config.Active}},
	})
	s.Serve(node)
	b.Cleanup(func() {
		node.Close()
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// refresh is a REGISTER whose branch and CSeq next changes in place.
type refresh struct {
	text         []byte
	branch, cseq int
	number       int
}

func newRefresh(user int) *refresh {
	text := fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;rport;branch=z9hG4bK00000000\r\nMax-Forwards: 70\r\n"+
		"From: <sip:u%d@example.com>;tag=abcdef\r\nTo: <sip:u%d@example.com>\r\nCall-ID: 843817637684230@998sdasdh09\r\nCSeq: 10000000 REGISTER\r\n"+
		"Contact: <sip:u%d@127.0.0.1:5099>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n", user, user, user)
	b := []byte(text)
	return &refresh{text: b, branch: bytes.Index(b, []byte("z9hG4bK")) + 7, cseq: bytes.Index(b, []byte("CSeq: ")) + 6, number: 10000000}
}

func (r *refresh) next() []byte {
	r.number++
	var buf [8]byte
	n := strconv.AppendInt(buf[:0], int64(r.number), 10)
	copy(r.text[r.branch:], n)
	copy(r.text[r.cseq:], n)
	return r.text
}

var testPID = uint32(serialPID())

func BenchmarkRegisterRefresh(b *testing.B) {
	s := startAlone(b)
	sink := newPhone(b, "sink") // nobody reads: the kernel drops
	var users [1000]*refresh
	for i := range users {
		users[i] = newRefresh(i)
		s.Message(flow.OverUDP(sink.addr), users[i].next())
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		s.Message(flow.OverUDP(sink.addr), users[i%len(users)].next())
	}
	b.StopTimer()
	if n := s.metrics.made(200); n < uint64(b.N) {
		b.Fatalf("%d of %d answered 200", n, b.N)
	}
}

// call is a request within a dialog that goes through the proxy and is answered,
// the far end done with as little as it takes.
type call struct {
	s          *Server
	alice, bob *phone
	request    []byte
	branch     int
	number     int
	buf, out   []byte
	msg        wire.Message
}

func newCall(b testing.TB, s *Server) *call {
	alice, bob := newPhone(b, "alice"), newPhone(b, "bob")
	x := &proxy{Server: s, addr: s.Address()}
	bob.register(&proxy{Server: s, addr: s.Addresses()[len(s.Addresses())-1]}) // at the last listener
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 200, "OK", "b", "Contact: <"+bob.contact()+">")
	d.answered(alice.status(200))
	c := &call{s: s, alice: alice, bob: bob, buf: make([]byte, 65535), number: 10000000}
	c.request = []byte(d.head("BYE", d.target, "z9hG4bK00000000", 9) + "Content-Length: 0\r\n\r\n")
	c.branch = bytes.Index(c.request, []byte("z9hG4bK0")) + 7
	c.patience()
	return c
}

// patience gives what follows a minute from now.
func (c *call) patience() {
	for _, p := range []*phone{c.alice, c.bob} {
		_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	}
}

// once sends the request through and the answer back.
func (c *call) once(b testing.TB) {
	c.number++
	var digits [8]byte
	copy(c.request[c.branch:], strconv.AppendInt(digits[:0], int64(c.number), 10))
	c.s.Message(flow.OverUDP(c.alice.addr), c.request)
	n := c.read(b, c.bob)
	if err := c.msg.Scan(c.buf[:n], nil); err != nil {
		b.Fatal(err)
	}
	c.out = wire.AppendResponse(c.out[:0], &c.msg, 200, "OK", nil, nil)
	c.s.Message(flow.OverUDP(c.bob.addr), c.out)
	c.read(b, c.alice)
}

// read waits for the message of this request; others are retransmissions of
// earlier ones.
func (c *call) read(b testing.TB, p *phone) int {
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(c.buf)
		if err != nil {
			b.Fatalf("%s got nothing: %v", p.user, err)
		}
		if bytes.Contains(c.buf[:n], c.request[c.branch:c.branch+8]) {
			return n
		}
	}
}

// BenchmarkInDialog is one BYE through the proxy and its 200 back, with both
// ends' system calls.
func BenchmarkInDialog(b *testing.B) {
	c := newCall(b, startAlone(b))
	b.ReportAllocs()
	for b.Loop() {
		c.once(b)
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector changes what allocates")
	}
	s, two := startAlone(t), startAlone(t, config.Listener{Name: "phones"}, config.Listener{Name: "trunks", Port: trunksPort})
	c, across := newCall(t, s), newCall(t, two)
	r := newRefresh(1)
	sink := newPhone(t, "sink")
	inside := newRefresh(3) // behind NAT, while packets of others are waited for
	inside.text = bytes.ReplaceAll(inside.text, []byte("127.0.0.1:5099"), []byte("10.11.12.3:506"))
	s.away.add(s.now(), source{at: netip.MustParseAddrPort("198.51.100.1:1")}, absent{until: 1 << 62})
	guarded := startGuarded(t)
	proved := newProvedRefresh(t, guarded, sink, 2)
	for name, f := range map[string]func(){
		"REGISTER refresh":                     func() { s.Message(flow.OverUDP(sink.addr), r.next()) },
		"REGISTER refresh behind NAT":          func() { s.Message(flow.OverUDP(sink.addr), inside.next()) },
		"REGISTER refresh at another listener": func() { two.Message(flow.Flow{Remote: sink.addr, Listener: trunksPort}, r.next()) },
		"REGISTER refresh with credentials":    func() { guarded.Message(flow.OverUDP(sink.addr), proved.next()) },
		"in-dialog request":                    func() { c.once(t) },
		"in-dialog request across listeners":   func() { across.once(t) },
	} {
		least := 100.0
		for deadline := time.Now().Add(20 * time.Second); least >= 1 && time.Now().Before(deadline); { // pools fill up first
			c.patience()
			across.patience()
			least = min(least, testing.AllocsPerRun(1000, f))
		}
		if least >= 1 {
			t.Errorf("%s: %v allocations", name, least)
		}
	}
}
