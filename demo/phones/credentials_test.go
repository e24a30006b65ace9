package phones

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/digest"
)

// guard is a registrar and a user agent that asks who sends: 401 to REGISTER, 407 to others.
// It takes a nonce that it made with a count that is greater than the last.
type guard struct {
	conn       *net.UDPConn
	at         netip.AddrPort
	algorithms []digest.Algorithm
	secrets    map[digest.Algorithm][]byte

	mu     sync.Mutex
	nonce  string // the one that is good
	counts map[string]uint32
	seen   []string          // "METHOD CSEQ STATUS" of requests, with the algorithm and count that proved it
	proofs map[string]string // the credentials that came last, by method
}

// newGuard knows one user.
func newGuard(t *testing.T, user, password string, algorithms ...digest.Algorithm) *guard {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	g := &guard{conn: conn, algorithms: algorithms, secrets: map[digest.Algorithm][]byte{}, counts: map[string]uint32{}, proofs: map[string]string{}}
	g.at, _ = netip.ParseAddrPort(conn.LocalAddr().String())
	for _, a := range algorithms {
		g.secrets[a] = digest.HA1(a, []byte(user), []byte("example.com"), []byte(password))
	}
	g.forget()
	var serving sync.WaitGroup
	serving.Go(g.serve)
	t.Cleanup(func() { _ = conn.Close(); serving.Wait() })
	return g
}

// forget makes the nonces so far old.
func (g *guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nonce = rand.Text()
}

func (g *guard) serve() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := g.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			if answer := g.answer(string(buf[:n])); answer != "" {
				_, _ = g.conn.WriteToUDPAddrPort([]byte(answer), from)
			}
		}
	}
}

func (g *guard) answer(message string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	method, _, _ := strings.Cut(message, " ")
	proxy := method != "REGISTER"
	value := field(message, "Authorization")
	if proxy {
		value = field(message, "Proxy-Authorization")
	}
	g.proofs[method] = value
	if method == "ACK" {
		return ""
	}
	status, proof, stale := g.judge(method, value)
	number, _, _ := strings.Cut(field(message, "CSeq"), " ")
	g.seen = append(g.seen, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", method, number, status, proof)))
	answer := fmt.Sprintf("SIP/2.0 %d As Judged\r\n", status)
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		answer += name + ": " + field(message, name)
		if name == "To" && !strings.Contains(field(message, name), ";tag=") {
			answer += ";tag=guard"
		}
		answer += "\r\n"
	}
	switch {
	case status == 200 && method == "INVITE":
		answer += "Contact: <sip:guard@" + g.at.String() + ">\r\n"
	case status == 200 && method == "REGISTER":
		answer += "Contact: " + field(message, "Contact") + "\r\n"
	case status != 200:
		answer += string(digest.AppendChallenge(nil, proxy, []byte("example.com"), g.algorithms, []byte(g.nonce), stale))
	}
	return answer + "Content-Length: 0\r\n\r\n"
}

// judge says what a request with that value of its credentials is answered.
func (g *guard) judge(method, value string) (status int, proof string, stale bool) {
	refused := 407
	if method == "REGISTER" {
		refused = 401
	}
	var r digest.Response
	var v digest.Verifier
	if digest.Parse([]byte(value), &r) != nil || !v.Verify(&r, []byte(method), g.secrets[r.Algorithm]) {
		return refused, "", false
	}
	if string(r.Nonce) != g.nonce || r.Count <= g.counts[g.nonce] {
		return refused, "", true
	}
	g.counts[g.nonce] = r.Count
	return 200, fmt.Sprintf("%v %d", r.Algorithm, r.Count), false
}

// field is the first header field's value.
func field(message, name string) string {
	_, rest, _ := strings.Cut(message, "\r\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// requests are those that came, and what became of them.
func (g *guard) requests() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.seen, "; ")
}

func TestPhoneSaysWhoItIs(t *testing.T) {
	password := rand.Text()
	both := []digest.Algorithm{digest.SHA256, digest.MD5}
	tests := map[string]struct {
		algorithms []digest.Algorithm
		phone      Config
		want       string
	}{
		"the first that is offered":    {both, Config{Password: password}, "REGISTER 1 401; REGISTER 2 200 SHA-256 1; REGISTER 3 200 SHA-256 2"},
		"MD5 alone":                    {both, Config{Password: password, Algorithm: "MD5"}, "REGISTER 1 401; REGISTER 2 200 MD5 1; REGISTER 3 200 MD5 2"},
		"none that it knows":           {both[:1], Config{Password: password, Algorithm: "MD5"}, "REGISTER 1 401; REGISTER 2 401"},
		"another password, tried once": {both, Config{Password: rand.Text()}, "REGISTER 1 401; REGISTER 2 401; REGISTER 3 401; REGISTER 4 401"},
		"without a password":           {both, Config{}, "REGISTER 1 401; REGISTER 2 401"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, "alice", password, tt.algorithms...)
			tt.phone.User, tt.phone.Proxy = "alice", g.at
			alice := phone(t, tt.phone)
			ok := strings.Contains(tt.want, "200")
			for range 2 {
				if err := alice.Register(t.Context(), 60); (err == nil) != ok {
					t.Errorf("REGISTER: %v", err)
				}
			}
			if got := g.requests(); got != tt.want {
				t.Errorf("it sent %s\nwant    %s", got, tt.want)
			}
			if want := int64(strings.Count(tt.want, "401")); tt.phone.Password != "" && alice.Challenged() != want {
				t.Errorf("challenged %d times, want %d", alice.Challenged(), want)
			}
		})
	}
}

// TestPhoneTakesANewNonceForAnOldOne: stale=true asks for nothing but that.
func TestPhoneTakesANewNonceForAnOldOne(t *testing.T) {
	password := rand.Text()
	g := newGuard(t, "alice", password, digest.SHA256)
	alice := phone(t, Config{User: "alice", Password: password, Proxy: g.at})
	for range 2 {
		if err := alice.Register(t.Context(), 60); err != nil {
			t.Fatal(err)
		}
		g.forget()
	}
	want := "REGISTER 1 401; REGISTER 2 200 SHA-256 1; REGISTER 3 401; REGISTER 4 200 SHA-256 1"
	if got := g.requests(); got != want {
		t.Errorf("it sent %s\nwant    %s", got, want)
	}
}

// TestCallSaysWhoCalls: the proxy's challenge is another than the registrar's; the ACK has
// the INVITE's number and credentials (RFC 3261 13.2.2.4), the BYE the next.
func TestCallSaysWhoCalls(t *testing.T) {
	password := rand.Text()
	g := newGuard(t, "alice", password, digest.MD5)
	alice := phone(t, Config{User: "alice", Password: password, Proxy: g.at, ByRoute: true})
	if err := alice.Register(t.Context(), 60); err != nil {
		t.Fatal(err)
	}
	g.forget()
	call, err := alice.Dial(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Bye(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "REGISTER 1 401; REGISTER 2 200 MD5 1; INVITE 1 407; INVITE 2 200 MD5 1; BYE 3 200 MD5 2"
	if got := g.requests(); got != want {
		t.Errorf("it sent %s\nwant    %s", got, want)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if invite, ack := g.proofs["INVITE"], g.proofs["ACK"]; invite == "" || ack != invite {
		t.Errorf("credentials of the ACK are %q, want those of the INVITE, %q", ack, invite)
	}
}
