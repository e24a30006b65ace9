package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/flow"
)

// vanish has nothing reach the phone over its connection any more but its end, and nobody be
// told.
func (p *phone) vanish() {
	p.t.Helper()
	conn := p.over.Conn
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	drop := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},                          // the flags of TCP
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x04, Jf: 1},               // a reset
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff}, {Code: unix.BPF_RET | unix.BPF_K}, // is kept, and of all else no byte
	}
	_ = raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]})
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// registerInstance registers the phone, which says which it is.
func (p *phone) registerInstance(x *proxy) {
	p.t.Helper()
	p.sendRaw(x.addr, p.registerText(unique("reg"), 1, fmt.Sprintf(`Contact: <%s>;+sip.instance="<urn:uuid:%s>"`, p.contact(), p.user)))
	p.status(200)
}

// final waits for the final response.
func (p *phone) final(want int) *received {
	p.t.Helper()
	for {
		r := p.news()
		if r == nil {
			p.t.Fatalf("%s got nothing, want %d", p.user, want)
		}
		if status := r.StatusCode(); status >= 200 {
			if status != want {
				p.t.Fatalf("%s got %d %s, want %d", p.user, status, r.Reason(), want)
			}
			return r
		}
	}
}

// ping asks whether the far end is there (RFC 5626 3.5.1).
func (c *connection) ping() error {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("\r\n\r\n")); err != nil {
		return err
	}
	var pong [2]byte
	_, err := io.ReadFull(c, pong[:])
	return err
}

// A connection of which only the phone knows that it is over, as where a load balancer
// has begun to send its packets elsewhere. As soon as the phone is back what it was sent
// there is sent again, a call as well as the end of one. Another phone has a second
// connection though the first is there: that stays.
func TestConnectionThatIsOverWithoutAWord(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]int{"back at its member": 0, "back at another": 1} {
		for _, over := range []flow.Transport{flow.TCP, flow.TLS} {
			t.Run(over.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				x := startCluster(t, 3, everyTransport)
				alice, dave := newPhone(t, "alice"), newPhone(t, "dave")
				bob, carol := newPhoneOver(t, over, "bob", x[0]), newPhoneOver(t, over, "carol", x[0])
				bob.registerInstance(x[0])
				carol.registerInstance(x[0])
				up, _ := establish(t, x[2], dave, bob)
				bob.vanish()
				ringing, first := alice.ring(x[2].addr, "sip:bob@example.com"), carol.over
				carol.connect(over, x[back])
				carol.registerInstance(x[back])
				bob.connect(over, x[back])
				bob.registerInstance(x[back])
				up.send("BYE")
				for range 3 { // the ACK comes after the INVITE, the BYE at any time
					r := bob.news()
					switch {
					case r == nil:
						t.Fatal("bob has not got all that was sent to it")
					case string(r.MethodBytes()) == "BYE":
						bob.reply(r, 200, "OK", "")
					case string(r.MethodBytes()) == "INVITE":
						bob.reply(r, 486, "Busy Here", "b")
					}
				}
				dave.final(200)
				ringing.ackFailure(alice.final(486))
				if err := first.ping(); err != nil {
					t.Errorf("the first of two connections of one phone: %v", err)
				}
			})
		}
	}
}

// A phone that does not know that its connection is over is told as soon as it is sent
// something, and gets that over the next one.
func TestPhoneIsToldThatItsConnectionIsOver(t *testing.T) {
	t.Parallel()
	for _, over := range []flow.Transport{flow.TCP, flow.TLS} {
		t.Run(over.String(), func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 2, everyTransport)
			alice, bob := newPhone(t, "alice"), newPhoneOver(t, over, "bob", x[0])
			bob.registerInstance(x[0])
			bob.vanish()
			d := alice.ring(x[1].addr, "sip:bob@example.com")
			bob.hungUp()
			bob.connect(over, x[1])
			bob.registerInstance(x[1])
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
			d.ackFailure(alice.final(486))
		})
	}
}

// A caller whose connection ends while it rings, and who does not come back: the phone that
// rings is told that nobody calls any more.
func TestCallerWhoseConnectionEndsIsGivenUp(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport, func(o *proxyOptions) { o.timers.Gone = 200 * time.Millisecond })
	alice, bob := newPhoneOver(t, flow.TCP, "alice", x[0]), newPhoneOver(t, flow.TLS, "bob", x[1])
	bob.register(x[1])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	_ = alice.over.Close()
	bob.reply(bob.request("CANCEL"), 200, "OK", "b")
	bob.reply(invite, 487, "Request Terminated", "b")
	bob.request("ACK")
}
