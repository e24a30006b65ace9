package server

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// from gives the server a message as one that came from an address of 127/8.
func (x *proxy) from(address string, text []byte) {
	x.Message(flow.OverUDP(netip.AddrPortFrom(netip.MustParseAddr(address), 5099)), text)
}

// fewNew is a limit of 10 new a second, 100 at once.
func fewNew(o *proxyOptions) { o.config.Limits.NewPerSecond = 10 }

// One source uses up what it may begin, and no other's. What it has begun goes on.
func TestWhatIsNewIsChargedToItsSource(t *testing.T) {
	t.Parallel()
	x := startProxy(t, fewNew)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	began := time.Now()
	for range 400 { // from the phones' own address
		x.Message(flow.OverUDP(alice.addr), []byte(smallRequest("MESSAGE", "sip:nobody@example.com", "sip:nobody@example.com", "")))
	}
	most := uint64(110 + 10*time.Since(began).Seconds())
	if n := x.metrics.made(480); n > most || n < 90 || x.metrics.dropped[dropNew].Load() == 0 {
		t.Fatalf("%d of 400 were let in, want up to %d", n, most)
	}
	for range x.metrics.made(480) {
		alice.receive(patience)
	}
	x.from("127.0.0.2", []byte(smallRequest("MESSAGE", "sip:nobody@example.com", "sip:nobody@example.com", "")))
	if n := x.metrics.made(480); n < 91 {
		t.Error("another source is refused")
	}
	for range 30 {
		bob.register(x) // a refresh
	}
	caller.send("INFO")
	bob.reply(bob.request("INFO"), 200, "OK", "")
	alice.status(200)
}

// Registrations that nobody made before are new, whoever they are for.
func TestNewRegistrationsAreCharged(t *testing.T) {
	t.Parallel()
	x := startProxy(t, fewNew, anyContact)
	register := func(address, user string) {
		x.from(address, []byte(smallRequest("REGISTER", "sip:example.com", "sip:"+user+"@example.com", "m:<sip:a@127.0.0.1>\r\n")))
	}
	register("127.0.0.2", "first")
	for i := range 400 {
		register("127.0.0.2", fmt.Sprint(i))
	}
	taken := x.metrics.made(200)
	if taken > 200 || x.metrics.dropped[dropNew].Load() < 200 {
		t.Fatalf("%d of 401 were taken", taken)
	}
	register("127.0.0.2", "first")
	register("127.0.0.3", "400")
	if n := x.metrics.made(200); n < taken+2 {
		t.Error("a refresh, or another source, is refused")
	}
}

// Who sends more than can be anybody's use is not read; who is trusted is.
func TestFloodIsNotRead(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) {
		o.config.Limits.MessagesPerSecond = 50
		o.config.Limits.Trusted = []string{"127.0.0.4/32"}
	})
	read := func(address string) uint64 {
		before := x.metrics.allRequests()
		for range 2000 {
			x.from(address, []byte(smallRequest("ACK", "sip:a@b", "sip:a@b", "")))
		}
		return x.metrics.allRequests() - before
	}
	if n := read("127.0.0.2"); n < 100 || n > 1000 {
		t.Errorf("%d of 2000 are read, want about 100", n)
	}
	if n := read("127.0.0.4"); n != 2000 {
		t.Errorf("%d of 2000 of a trusted source are read", n)
	}
	if n := read("127.0.0.3"); n < 50 {
		t.Errorf("another source is read %d times", n)
	}
}

// One stranger's stray ACKs, malformed requests and questions leave room for those
// of others.
func TestStrangerUsesUpNobodysShare(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)[0]
	for name, c := range map[string]struct {
		text  func() []byte
		count func() int
	}{
		"ACKs of nothing": {
			func() []byte {
				return []byte(smallRequest("ACK", "sip:nobody@example.com", "sip:nobody@example.com", ""))
			},
			func() int { return int(x.metrics.toOwner.Load()) },
		},
		"malformed": {
			func() []byte { return []byte(smallRequest("MESSAGE", "sip:example.com", "sip:a@b", "CSeq:x\r\n")) },
			func() int { return int(x.metrics.made(400)) },
		},
		"whose a contact is": {
			func() []byte { return []byte(smallRequest("MESSAGE", "sip:192.0.2.1", "sip:a@b", "")) },
			func() int { x.mem.mu.Lock(); defer x.mem.mu.Unlock(); return x.mem.asked },
		},
	} {
		before, began := c.count(), time.Now()
		for range 1000 {
			x.from("127.0.0.2", c.text())
		}
		stranger := c.count() - before
		if most := 101 + int(50*time.Since(began).Seconds()); stranger == 0 || stranger > most {
			t.Errorf("%s: %d of one source, want up to %d", name, stranger, most)
		}
		for i := range 20 {
			x.from("127.0.0.3", c.text())
			if n := c.count() - before - stranger; n != i+1 {
				t.Errorf("%s: %d of another's %d", name, n, i+1)
				break
			}
		}
	}
}
