package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
)

// tracing is a trace of a member's that runs beside the test.
type tracing struct {
	t      *testing.T
	mu     sync.Mutex
	out    bytes.Buffer
	ended  chan error
	cancel context.CancelFunc
}

func (c *tracing) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *tracing) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

// has waits until it has printed that.
func (c *tracing) has(what string) {
	c.t.Helper()
	c.matches(regexp.QuoteMeta(what))
}

// matches waits until it has printed a line like that.
func (c *tracing) matches(what string) {
	c.t.Helper()
	like := regexp.MustCompile(what)
	for end := time.Now().Add(patience); !like.MatchString(c.text()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("no %q in %s", what, c.text())
		}
	}
}

// trace begins `sipring trace` at a member, and waits until that sees a message of the AOR.
func (f *folder) trace(member int, user string, args ...string) *tracing {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	c := &tracing{t: f.t, ended: make(chan error, 1), cancel: cancel}
	cmd := Trace()
	cmd.SetOut(c)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append(args, user+"@example.com", "--socket", f.file(f.set.Members[member-1].Name)))
	go func() { c.ended <- cmd.ExecuteContext(ctx) }()
	f.t.Cleanup(cancel)
	for end := time.Now().Add(patience); !strings.Contains(c.text(), "REGISTER"); time.Sleep(50 * time.Millisecond) { // fewer than a source may begin
		if f.register(member, user, ""); time.Now().After(end) {
			f.t.Fatalf("no trace: %s", c.text())
		}
	}
	return c
}

// TestTrace of a call: who is called sees it at the member that handles it, without what is secret, and not at another.
func TestTrace(t *testing.T) {
	f := newFolder(t, 3)
	f.startAsked()
	here, elsewhere := f.trace(1, "bob", "-o", "json", "--for", "5m"), f.trace(2, "bob", "--for", "5m")
	f.register(2, "bob", "") // what was shown first may be the answer to what came before
	elsewhere.has(" in from 127.0.0.1:")
	alice, bob := listen(t), listen(t)
	f.register(1, "bob", "sip:bob@"+bob.LocalAddr().String())
	f.invite(alice, 1)
	request, hop := next(t, bob, "INVITE ")
	if _, err := bob.WriteTo([]byte(busy(request)), hop); err != nil {
		t.Fatal(err)
	}
	next(t, alice, "SIP/2.0 486")
	for _, line := range []string{"in.*INVITE sip", "out.*INVITE sip", "in.*SIP/2.0 486", "out.*SIP/2.0 486", "out.*SIP/2.0 100", "out.*ACK sip"} { // in any order
		here.matches(`"direction":"` + strings.Replace(line, ".*", `",.*"startLine":"`, 1))
	}
	for _, secret := range []string{"s3cret", "v=0"} {
		if strings.Contains(here.text(), secret) {
			t.Errorf("%q is shown: %s", secret, here.text())
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(here.text()), "\n") {
		var m answers.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if local := net.JoinHostPort(f.set.Members[0].Address, "15060"); m.Local != local || m.Remote == "" || m.Time.IsZero() || !strings.HasPrefix(m.Message, m.StartLine+"\r\n") {
			t.Errorf("%+v", m)
		}
		for _, token := range strings.Split(request, "\r\n") { // our own, as the phone got it
			if value, ok := strings.CutPrefix(token, "Record-Route: "); ok && strings.Contains(m.Message, value) {
				t.Errorf("our token is shown: %s", m.Message)
			}
		}
	}
	if text := elsewhere.text(); strings.Contains(text, "INVITE") || !strings.Contains(text, " in from 127.0.0.1:") || !strings.Contains(text, "  To: <sip:bob@example.com>\n") {
		t.Errorf("elsewhere: %s", text)
	}

	third := f.trace(1, "eve", "--max", "2")
	// The first message that it shows may be the answer to what came before it.
	f.register(1, "eve", "")
	third.has("The trace has ended (count). Not shown, for being too many: 0.\n")
	if err := <-third.ended; err != nil {
		t.Error(err)
	}
	_ = f.trace(1, "eve")
	if out, err := f.ask(Trace(), 1, "sip:dave@example.com"); err == nil || ExitCode(err) != 1 || !strings.Contains(err.Error(), "as many traces as may be") {
		t.Errorf("a third trace: %v: %s", err, out)
	}
	here.cancel()
	if err := <-here.ended; err == nil || ExitCode(err) != 1 {
		t.Errorf("when it is cancelled: %v", err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // there is room again
		if _, err := f.ask(Trace(), 1, "sip:dave@example.com", "--for", "1s"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// invite calls bob through a member, with a body and a password.
func (f *folder) invite(from *net.UDPConn, member int) {
	f.t.Helper()
	proxy, err := net.ResolveUDPAddr("udp", net.JoinHostPort(f.set.Members[member-1].Address, "15060"))
	if err != nil {
		f.t.Fatal(err)
	}
	text := fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bKtrace\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice:s3cret1@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: trace\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[1]s>\r\n"+
		"proxy-authorization: Digest username=\"alice\",\r\n response=\"s3cret2\"\r\nCookie: s3cret3\r\nX-Token: s3cret4\r\nContent-Type: application/sdp\r\n"+
		"Content-Length: 12\r\n\r\nv=0 s3cret5\r\n", from.LocalAddr())
	if _, err := from.WriteTo([]byte(text), proxy); err != nil {
		f.t.Fatal(err)
	}
}

func TestTraceRefuses(t *testing.T) {
	f := newFolder(t, 1)
	f.startAsked()
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no AOR":         {nil, 2, "usage: "},
		"too long":       {[]string{"bob@example.com", "--for", "11m"}, 2, "1s..10m0s"},
		"no time":        {[]string{"bob@example.com", "--for", "0s"}, 2, "1s..10m0s"},
		"not a time":     {[]string{"bob@example.com", "--for", "soon"}, 2, "invalid"},
		"too many":       {[]string{"bob@example.com", "--max", "10001"}, 2, "1..10000"},
		"another domain": {[]string{"bob@example.org"}, 1, "no domain that is served here"},
		"no URI":         {[]string{"bob"}, 1, "sip:user@domain"},
	} {
		if _, err := f.ask(Trace(), 1, tt.args...); err == nil || ExitCode(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v (%d)", name, err, ExitCode(err))
		}
	}
}
