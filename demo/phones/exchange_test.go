package phones

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/flow"
)

// exchange is where two phones connect: it answers REGISTERs, and hands all else that
// one sends to the other, as soon as that one has registered.
type exchange struct {
	t        *testing.T
	over     flow.Transport
	listener net.Listener
	at       netip.AddrPort
	tls      *tls.Config // of phones
	serving  sync.WaitGroup

	mu        sync.Mutex
	all       map[stream]bool
	phones    map[string]stream // by user
	waiting   map[string][]string
	registers []string
}

func newExchange(t *testing.T, over flow.Transport) *exchange {
	t.Helper()
	authority, err := fleet.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue("example.com")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(issued.Chain, issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{
		t: t, over: over, listener: l, at: l.Addr().(*net.TCPAddr).AddrPort(), tls: authority.Client(),
		all: map[stream]bool{}, phones: map[string]stream{}, waiting: map[string][]string{},
	}
	if over.Secure() {
		x.listener = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	}
	x.serving.Go(x.serve)
	t.Cleanup(func() { _ = l.Close(); x.drop(); x.serving.Wait() })
	return x
}

// served is the exchange's side of a connection.
type served struct {
	byteStream
	webSocket bool
}

func (s *served) read() ([]byte, error) {
	if s.webSocket {
		return wsutil.ReadClientText(s.Conn)
	}
	return s.byteStream.read()
}

func (s *served) write(message []byte) error {
	if s.webSocket {
		return wsutil.WriteServerText(s.Conn, message)
	}
	return s.byteStream.write(message)
}

func (x *exchange) serve() {
	for {
		conn, err := x.listener.Accept()
		if err != nil {
			return
		}
		x.serving.Go(func() { x.connected(conn) })
	}
}

// connected reads what comes over a connection.
func (x *exchange) connected(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	s := &served{byteStream: byteStream{Conn: conn, in: bufio.NewReader(conn)}}
	if x.over == flow.WS || x.over == flow.WSS {
		u := ws.Upgrader{Protocol: func(p []byte) bool { return string(p) == "sip" }}
		if _, err := u.Upgrade(conn); err != nil {
			return
		}
		s.webSocket = true
	}
	x.mu.Lock()
	x.all[s] = true
	x.mu.Unlock()
	for {
		message, err := s.read()
		if err != nil {
			return
		}
		x.take(s, string(message))
	}
}

// take answers a REGISTER, and hands on what else one of the phones sent.
func (x *exchange) take(s stream, message string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if user := userOf(field(message, "To")); strings.HasPrefix(message, "REGISTER ") {
		x.registers = append(x.registers, message)
		x.phones[user] = s
		_ = s.write([]byte(okTo(message)))
		for _, m := range x.waiting[user] {
			_ = s.write([]byte(m))
		}
		delete(x.waiting, user)
		return
	}
	for _, user := range []string{"phone000", "phone001"} {
		switch to := x.phones[user]; to {
		case s:
		case nil:
			x.waiting[user] = append(x.waiting[user], message)
		default:
			_ = to.write([]byte("\r\n" + message)) // as between messages there may be line ends
		}
	}
}

func userOf(value string) string {
	_, user, _ := strings.Cut(value, "sip:")
	user, _, _ = strings.Cut(user, "@")
	return user
}

func okTo(register string) string {
	answer := "SIP/2.0 200 OK\r\n"
	for line := range strings.SplitSeq(register, "\r\n") {
		for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:", "Contact:"} {
			if strings.HasPrefix(line, name) {
				answer += line + "\r\n"
			}
		}
	}
	return answer + "Content-Length: 0\r\n\r\n"
}

// drop ends all connections.
func (x *exchange) drop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for s := range x.all {
		_ = s.Close()
	}
	clear(x.all)
	clear(x.phones)
}

// registered are the REGISTERs so far.
func (x *exchange) registered() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.registers...)
}
