package server

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// patience is how long a test waits for a message that must come.
const patience = 20 * time.Second

// phone is a user agent of nothing but a socket: tests write what it sends byte
// by byte, and see what came byte by byte.
type phone struct {
	t    testing.TB
	conn *net.UDPConn
	over *connection // in place of conn, if it has one
	nat  *nat        // before it, if there is one
	addr netip.AddrPort
	user string
	// params are those of its Contact.
	params string
	// lenient phones take messages that lack something.
	lenient bool
	// heard is what status and request took: they pass over what is repeated.
	heard map[string]bool
}

// received is one message that arrived at a phone.
type received struct {
	wire.Message
	from netip.AddrPort
}

var serial atomic.Uint64

// unique returns a new string for tags, branches and Call-IDs.
func unique(prefix string) string { return fmt.Sprintf("%s%d", prefix, serial.Add(1)) }

func newPhone(t testing.TB, user string) *phone { return newPhoneAt(t, user, "127.0.0.1:0") }

func newPhoneAt(t testing.TB, user, address string) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &phone{t: t, conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), user: user, heard: map[string]bool{}}
}

// crlf turns the indented text of a test into a message: lines end in CRLF, and
// a blank line ends the header unless there is a body.
func crlf(s string) []byte {
	lines := strings.Split(strings.TrimLeft(s, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	out := strings.TrimRight(strings.Join(lines, "\r\n"), "\r\n")
	if strings.Contains(out, "\r\n\r\n") {
		return []byte(out + "\r\n")
	}
	return []byte(out + "\r\n\r\n")
}

func (p *phone) send(to netip.AddrPort, message string) {
	p.t.Helper()
	p.sendRaw(to, crlf(message))
}

func (p *phone) sendRaw(to netip.AddrPort, message []byte) {
	p.t.Helper()
	if p.over != nil {
		p.over.send(p, message)
		return
	}
	if p.nat != nil {
		to = p.nat.opens(to)
	}
	if _, err := p.conn.WriteToUDPAddrPort(message, to); err != nil {
		p.t.Fatal(err)
	}
}

// receive waits for the next message; nil after d.
func (p *phone) receive(d time.Duration) *received {
	p.t.Helper()
	if p.over != nil {
		return p.over.receive(p, d)
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	buf := make([]byte, 65535)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return nil
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if p.nat == nil || p.nat.lets(from) && notStun(buf[:n]) {
			return p.read(from, buf[:n])
		}
	}
}

// read reads a message that has come.
func (p *phone) read(from netip.AddrPort, raw []byte) *received {
	p.t.Helper()
	r := &received{from: from}
	if err := r.Scan(slices.Clone(raw), nil); err != nil {
		p.t.Fatalf("%s got what is no SIP message: %v\n%s", p.user, err, raw)
	}
	if err := r.Validate(); err != nil && !p.lenient {
		p.t.Fatalf("%s got an invalid message: %v\n%s", p.user, err, raw)
	}
	return r
}

// news waits for a message that is no repetition of one that news had before: those
// may come at any time, as the machine may be busy (RFC 3261 17.1).
func (p *phone) news() *received {
	p.t.Helper()
	for {
		r := p.receive(patience)
		if r == nil {
			return nil
		}
		if key := r.from.String() + string(r.Raw); !p.heard[key] {
			p.heard[key] = true
			return r
		}
	}
}

// forget has what is repeated from now on be news.
func (p *phone) forget() { clear(p.heard) }

// status waits for a response with that status; 100 is passed over if it is not
// the one wanted.
func (p *phone) status(want int) *received {
	p.t.Helper()
	for {
		r := p.news()
		switch {
		case r == nil:
			p.t.Fatalf("%s got nothing, want %d", p.user, want)
		case r.IsRequest():
			p.t.Fatalf("%s got %s, want %d", p.user, r.MethodBytes(), want)
		case r.StatusCode() == 100 && want != 100:
			continue
		case r.StatusCode() != want:
			p.t.Fatalf("%s got %d %s, want %d\n%s", p.user, r.StatusCode(), r.Reason(), want, r.Raw)
		}
		return r
	}
}

// request waits for a request of that method. A 100 is passed over: what its sender's
// own request gets where the machine is busy (RFC 4320 4.1).
func (p *phone) request(method string) *received {
	p.t.Helper()
	r := p.news()
	for r != nil && !r.IsRequest() && r.StatusCode() == 100 {
		r = p.news()
	}
	if r == nil {
		p.t.Fatalf("%s got nothing, want %s", p.user, method)
	}
	if !r.IsRequest() || string(r.MethodBytes()) != method {
		p.t.Fatalf("%s got another message, want %s\n%s", p.user, method, r.Raw)
	}
	return r
}

// quiet fails if anything but a retransmission of allowed comes within d.
func (p *phone) quiet(d time.Duration, allowed ...*received) {
	p.t.Helper()
	for end := time.Now().Add(d); ; {
		r := p.receive(time.Until(end))
		if r == nil {
			return
		}
		if !slices.ContainsFunc(allowed, func(a *received) bool { return bytes.Equal(a.Raw, r.Raw) }) {
			p.t.Fatalf("%s got what nobody should send:\n%s", p.user, r.Raw)
		}
	}
}

// reply answers a request at its source, as RFC 3581 has it. extra are header
// lines.
func (p *phone) reply(to *received, status int, reason, tag string, extra ...string) *received {
	p.t.Helper()
	lines := ""
	for _, e := range extra {
		lines += e + "\r\n"
	}
	o := wire.ResponseOptions{ToTag: []byte(tag), RecordRoute: true, Extra: []byte(lines)}
	b := wire.AppendResponseWith(nil, &to.Message, status, reason, &o)
	p.sendRaw(to.from, b)
	r := &received{}
	if err := r.Scan(b, nil); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// values returns all values of a header.
func (r *received) values(id wire.HeaderID) []string {
	out := []string{}
	for v := range r.Values(id) {
		out = append(out, string(v))
	}
	return out
}

func (r *received) value(id wire.HeaderID) string {
	v, _ := r.Get(id)
	return string(v)
}

// contact is the phone's own Contact URI.
func (p *phone) contact() string {
	if p.over != nil {
		return fmt.Sprintf("sip:%s@%s;transport=%s", p.user, cmp.Or(p.over.host, p.addr.String()), strings.ToLower(p.over.transport.String()))
	}
	return fmt.Sprintf("sip:%s@%s", p.user, p.addr) + p.params
}

// CSeqMethodBytes is the method of CSeq.
func (r *received) CSeqMethodBytes() []byte {
	_, m, _ := r.CSeq()
	return m
}

// timerG is longer than Timers E and G of proxies that repeat: what they repeat comes in
// that time, and before it there is time for an ACK on a busy machine.
const timerG = 2 * time.Second

func repeats(o *proxyOptions) { o.timers.T1 = timerG * 3 / 4 }

// counted waits until so many are counted, and fails if there are more.
func counted(t *testing.T, what string, count func() uint64, want int) {
	t.Helper()
	for end := time.Now().Add(patience); count() < uint64(want) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := count(); n != uint64(want) {
		t.Errorf("%d %s, want %d", n, what, want)
	}
}

// upTo waits for so many datagrams, of which some may be lost: until no more of them
// comes in a second.
func upTo(n int, count func() uint64) {
	last, at := uint64(0), time.Now()
	for now := count(); now < uint64(n) && time.Since(at) < time.Second; now = count() {
		if now != last {
			last, at = now, time.Now()
		}
		time.Sleep(time.Millisecond)
	}
}
