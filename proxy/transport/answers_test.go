package transport

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// replier answers what comes to where it came from, and the first of every three to a
// port that nobody can send to before.
type replier struct{ u *UDP }

func (replier) Closed(flow.Flow, error) {}

func (r replier) Message(f flow.Flow, data []byte) {
	if data[0]%3 == 0 {
		nowhere := f
		nowhere.Remote = netip.AddrPortFrom(f.Remote.Addr(), 0)
		r.u.Answer(nowhere, data)
	}
	r.u.Answer(f, data)
}

// socketAt is a socket of a test, on an address of the loopback interface.
func socketAt(t testing.TB, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func TestAnswersOfABatchLeaveInOrderWhateverBecomesOfOne(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort(address), Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		conn := socketAt(t, u.Address())
		const n = 3*batchSize + 1 // what a socket has room for
		for i := range n {        // before Serve: they come in batches
			if _, err := conn.Write(append([]byte{byte(i)}, make([]byte, 5*i)...)); err != nil {
				t.Fatal(err)
			}
		}
		u.Serve(replier{u})
		buf := make([]byte, MaxDatagram)
		for i := range n {
			if got, err := conn.Read(buf); err != nil || got != 1+5*i || buf[0] != byte(i) {
				t.Fatalf("%s: answer %d is %d bytes of %d: %v", address, i, got, buf[0], err)
			}
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		if s := u.Stats(); s.Sent != n || s.SentBytes != s.ReceivedBytes || s.SendErrors != (n+2)/3 {
			t.Errorf("%s: %+v", address, s)
		}
	}
}

func TestAnAnswerIsKeptOnlyWhileTheLoopWillSendIt(t *testing.T) {
	u := open(t, "127.0.0.1:0", 1)
	to, s := open(t, "127.0.0.1:0", 1).Address(), u.sockets[0]
	var stats loopStats
	is := func(kept int, sent uint64) {
		t.Helper()
		if s.answers.n != kept || stats.sent.Load() != sent || stats.sendErrors.Load() != 0 {
			t.Errorf("%d kept, %d sent, %d errors", s.answers.n, stats.sent.Load(), stats.sendErrors.Load())
		}
	}
	s.answer(to, make([]byte, 1), &stats)
	is(0, 1)
	s.hold()
	for range batchSize {
		s.answer(to, make([]byte, maxAnswer), &stats)
	}
	is(batchSize, 1)
	s.answer(to, make([]byte, 1), &stats) // there is no room for one more
	is(1, 1+batchSize)
	s.answer(to, make([]byte, maxAnswer+1), &stats) // nor for one as long
	is(1, 2+batchSize)
	s.answers.mu.Lock() // as while they are sent
	s.answer(to, make([]byte, 1), &stats)
	s.answers.mu.Unlock()
	is(1, 3+batchSize)
	s.release(&stats)
	is(0, 4+batchSize)
	s.answer(to, make([]byte, 1), &stats)
	is(0, 5+batchSize)
	if want := uint64(batchSize*maxAnswer + maxAnswer + 5); stats.sentBytes.Load() != want {
		t.Errorf("%d bytes sent, not %d", stats.sentBytes.Load(), want)
	}
}

// What an earlier datagram brought on is told to the next send, whose own it is not.
func TestARefusedDatagramKeepsNoAnswerBack(t *testing.T) {
	u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}) // nobody takes its errors
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	closed := socketAt(t, u.Address())
	at := closed.LocalAddr().(*net.UDPAddr).AddrPort()
	_ = closed.Close()
	conn := socketAt(t, u.Address())
	to := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s, stats := u.sockets[0], loopStats{}
	s.hold()
	for i := range 6 {
		s.answer(at, fmt.Append(nil, i), &stats)
		s.answer(to, fmt.Append(nil, i), &stats)
	}
	s.release(&stats)
	buf := make([]byte, 10)
	for i := range 6 {
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != fmt.Sprint(i) {
			t.Errorf("answer %d is %q: %v", i, buf[:n], err)
		}
	}
	if stats.sent.Load() != 12 || stats.sendErrors.Load() != 0 || !s.errors.Load() {
		t.Errorf("%d sent, %d errors, to be looked for: %v", stats.sent.Load(), stats.sendErrors.Load(), s.errors.Load())
	}
}

func TestAnswersDoNotAllocate(t *testing.T) {
	u := open(t, "127.0.0.1:0", 1)
	to, data := flow.OverUDP(open(t, "127.0.0.1:0", 1).Address()), make([]byte, 500)
	if n := testing.AllocsPerRun(100, func() {
		u.sockets[0].hold()
		u.Answer(to, data)
		u.Answer(to, data)
		u.sockets[0].release(&u.stats[0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAnswers is what one datagram of a batch costs to send, and alone.
func BenchmarkAnswers(b *testing.B) {
	u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	go func() { // wakes up for them
		for buf := make([]byte, 1000); err == nil; {
			_, err = sink.Read(buf)
		}
	}()
	to, data := flow.OverUDP(plain(sink.LocalAddr().(*net.UDPAddr).AddrPort())), make([]byte, 400)
	for _, size := range []int{1, batchSize} {
		b.Run(fmt.Sprintf("together=%d", size), func(b *testing.B) {
			for sent := 0; sent < b.N; sent += size {
				if size > 1 {
					u.sockets[0].hold()
				}
				for range size {
					u.Answer(to, data)
				}
				if size > 1 {
					u.sockets[0].release(&u.stats[0])
				}
			}
		})
	}
}
