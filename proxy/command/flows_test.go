package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// tcpPhone is a phone with a connection.
type tcpPhone struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	n    int
	kept []string // what came while another message was awaited
}

func (p *tcpPhone) connect(to string) {
	p.t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort(to, "15060"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	p.conn, p.in = conn, bufio.NewReader(conn)
}

func (p *tcpPhone) send(text string) {
	p.t.Helper()
	if _, err := p.conn.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tcpPhone) register() {
	p.t.Helper()
	p.n++
	p.send(fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP %[1]s;branch=z9hG4bKr%[2]d\r\nMax-Forwards: 70\r\nFrom: <sip:bob@example.com>;tag=1\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: reg\r\nCSeq: %[2]d REGISTER\r\nContact: <sip:bob@%[1]s;transport=tcp>;+sip.instance=\"<urn:uuid:1>\"\r\nContent-Length: 0\r\n\r\n", p.conn.LocalAddr(), p.n))
	p.receive("SIP/2.0 200")
}

// receive waits for a message whose first line has the text; none has a body. What comes
// before is kept: a request for a phone that has just registered may overtake the answer.
func (p *tcpPhone) receive(first string) string {
	p.t.Helper()
	is := func(text string) bool {
		line, _, _ := strings.Cut(text, "\r\n")
		return strings.Contains(line, first)
	}
	if i := slices.IndexFunc(p.kept, is); i >= 0 {
		text := p.kept[i]
		p.kept = slices.Delete(p.kept, i, i+1)
		return text
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		text := ""
		for !strings.HasSuffix(text, "\r\n\r\n") {
			line, err := p.in.ReadString('\n')
			if err != nil {
				p.t.Fatalf("no %s comes: %v", first, err)
			}
			text += line
		}
		if is(text) {
			return text
		}
		p.kept = append(p.kept, text)
	}
}

func (p *tcpPhone) answer(request, status string) {
	p.send("SIP/2.0 " + status + "\r\n" + lines(request, "Via", "From", "Call-ID", "CSeq", "Record-Route") + strings.TrimRight(lines(request, "To"), "\r\n") + ";tag=2\r\n" +
		fmt.Sprintf("Contact: <sip:bob@%s;transport=tcp>\r\nContent-Length: 0\r\n\r\n", p.conn.LocalAddr()))
}

// ended waits for the end of the connection.
func (p *tcpPhone) ended() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, p.in); errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatal("the connection is still there")
	}
}

// TestPhoneWhoseMemberIsKilled: it is called over its connection by way of every member,
// and when its member dies with a call, by way of the next one that it comes back to. What
// is for it until then waits.
func TestPhoneWhoseMemberIsKilled(t *testing.T) {
	f := newFolder(t, 3)
	c, err := os.ReadFile(f.file("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("config.yaml", append(c, "listeners: [{name: udp, port: 15060}, {name: tcp, protocol: TCP, port: 15060}]\n"...))
	w := &walk{folder: f}
	first := w.child(f.set.Members[0].Name, f.set.Members[0].Address)
	for _, m := range f.set.Members[1:] {
		f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json"))
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	alice, bob := newPhone(t), &tcpPhone{t: t}
	bob.connect(w.address(1))
	bob.register()
	alice.request(w.address(2), "INVITE", "sip:bob@example.com", "")
	bob.answer(bob.receive("INVITE"), "200 OK")
	ok := alice.receive("200")
	dialog := lines(ok, "To", "Call-ID") + routes(ok)
	contact := "sip:bob@192.0.2.9;transport=tcp"
	alice.request(w.address(2), "ACK", contact, dialog)
	bob.receive("ACK")

	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	bob.ended()
	alice.request(w.address(2), "BYE", contact, dialog)
	alice.request(w.address(2), "INVITE", "sip:bob@example.com", "")
	alice.receive("182")
	bob.connect(w.address(3))
	bob.register()
	for range 2 { // the BYE and the INVITE, in whatever order
		text := bob.receive(" SIP/2.0")
		bob.answer(text, "200 OK")
		alice.receive("200")
	}
}

// routes are the Route lines of a caller, from the Record-Route of the answer.
func routes(answer string) string {
	all := strings.Split(strings.TrimSpace(strings.ReplaceAll(lines(answer, "Record-Route"), "Record-Route:", "Route:")), "\r\n")
	out := ""
	for i := len(all) - 1; i >= 0; i-- {
		out += all[i] + "\r\n"
	}
	return out
}
