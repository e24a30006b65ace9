package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// proxy is what the application takes for the proxy beside it.
type proxy struct {
	t  *testing.T
	c  net.PacketConn
	to net.Addr
}

func start(t *testing.T, change func(*options)) (*application, *proxy) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	o, err := parseOptions([]string{"--listen=127.0.0.1:0", "--name=echo-0", "--proxy=" + c.LocalAddr().String()}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	a, err := newApplication(o, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = a.serve() }()
	t.Cleanup(func() { a.close(); <-served })
	return a, &proxy{t: t, c: c, to: a.packets.LocalAddr()}
}

func (p *proxy) send(method, call string, cseq int, toTag string, lines ...string) {
	p.t.Helper()
	at := p.c.LocalAddr()
	text := fmt.Sprintf("%[1]s sip:conf@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]s%[4]d%[1]s\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:conf@example.com>%[5]s\r\nCall-ID: %[3]s\r\nCSeq: %[4]d %[1]s\r\nContact: <sip:alice@192.0.2.1>\r\nRecord-Route: <sip:token@%[2]s;lr>\r\n%[6]sContent-Length: 0\r\n\r\n",
		method, at, call, cseq, toTag, strings.Join(lines, ""))
	if _, err := p.c.WriteTo([]byte(text), p.to); err != nil {
		p.t.Fatal(err)
	}
}

// next is the next message of the application's.
func (p *proxy) next() sip.Message {
	p.t.Helper()
	if err := p.c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	b := make([]byte, 8<<10)
	n, _, err := p.c.ReadFrom(b)
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := sip.ParseMessage(b[:n])
	if err != nil {
		p.t.Fatalf("%v:\n%s", err, b[:n])
	}
	return m
}

// status waits for a response to a method, past what is repeated.
func (p *proxy) status(method sip.RequestMethod, want int) *sip.Response {
	p.t.Helper()
	for {
		res, ok := p.next().(*sip.Response)
		if !ok || res.CSeq().MethodName != method {
			continue
		}
		if res.StatusCode != want {
			p.t.Fatalf("%s is answered %d, want %d", method, res.StatusCode, want)
		}
		return res
	}
}

func (p *proxy) request(method sip.RequestMethod) *sip.Request {
	p.t.Helper()
	for {
		if req, ok := p.next().(*sip.Request); ok && req.Method == method {
			return req
		}
	}
}

// call sets one up, and returns the To tag as it stands in a header.
func (p *proxy) call(id string) string {
	p.t.Helper()
	p.send("INVITE", id, 1, "")
	res := p.status(sip.INVITE, 200)
	if by := res.GetHeader("X-Application"); by == nil || by.Value() != "echo-0" {
		p.t.Errorf("X-Application is %v", by)
	}
	tag, _ := res.To().Params.Get("tag")
	tag = ";tag=" + tag
	p.send("ACK", id, 1, tag)
	return tag
}

func TestCall(t *testing.T) {
	t.Parallel()
	a, p := start(t, nil)
	tag := p.call("one")
	if got := a.status(); got.Calls["conf"] != 1 || got.Answered != 1 {
		t.Errorf("status is %+v", got)
	}
	p.send("INVITE", "one", 2, tag)
	p.status(sip.INVITE, 200)
	p.send("INFO", "one", 3, tag)
	p.status(sip.INFO, 200)
	p.send("BYE", "one", 4, tag)
	p.status(sip.BYE, 200)
	p.send("BYE", "one", 5, tag)
	p.status(sip.BYE, 481)
	p.send("INVITE", "other", 2, tag)
	p.status(sip.INVITE, 481)
}

func TestOptionsSaysWhetherCallsAreTaken(t *testing.T) {
	t.Parallel()
	a, p := start(t, nil)
	p.send("OPTIONS", "o", 1, "")
	p.status(sip.OPTIONS, 200)
	a.leaving.Store(true)
	p.send("OPTIONS", "o", 2, "")
	p.status(sip.OPTIONS, 503)
	p.send("INVITE", "i", 1, "")
	p.status(sip.INVITE, 503)
}

func TestNotReadyAtFirst(t *testing.T) {
	t.Parallel()
	a, p := start(t, func(o *options) { o.readyAfter = time.Hour })
	p.send("INVITE", "i", 1, "")
	p.status(sip.INVITE, 503)
	for path, want := range map[string]int{"/ready": http.StatusServiceUnavailable, "/status": http.StatusOK} {
		w := httptest.NewRecorder()
		a.web().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s is %d, want %d", path, w.Code, want)
		}
	}
}

func TestRingingIsCancelled(t *testing.T) {
	t.Parallel()
	a, p := start(t, func(o *options) { o.ring = time.Hour })
	p.send("INVITE", "i", 1, "")
	p.status(sip.INVITE, 180)
	text := fmt.Sprintf("CANCEL sip:conf@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKi1INVITE\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:conf@example.com>\r\nCall-ID: i\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n", p.c.LocalAddr())
	if _, err := p.c.WriteTo([]byte(text), p.to); err != nil {
		t.Fatal(err)
	}
	p.status(sip.INVITE, 487)
	<-a.idle()
}

func TestRequestsWithinACallGoByTheProxy(t *testing.T) {
	t.Parallel()
	a, p := start(t, func(o *options) { o.poke = 10 * time.Millisecond })
	p.call("one")
	req := p.request(sip.OPTIONS)
	if got := req.Recipient.String(); got != "sip:alice@192.0.2.1" {
		t.Errorf("Request-URI %q", got)
	}
	if r := req.GetHeader("Route"); r == nil || !strings.Contains(r.Value(), "sip:token@") {
		t.Errorf("Route %v", r)
	}
	if _, err := p.c.WriteTo([]byte(sip.NewResponseFromRequest(req, 481, "Gone", nil).String()), p.to); err != nil {
		t.Fatal(err)
	}
	<-a.idle() // the far end knows of no call
}

func TestDrainEndsWithTheCalls(t *testing.T) {
	t.Parallel()
	a, p := start(t, nil)
	tag := p.call("one")
	drained := make(chan struct{})
	go func() { defer close(drained); a.drain(time.Hour) }()
	p.send("BYE", "one", 2, tag)
	p.status(sip.BYE, 200)
	<-drained
}

func TestDrainHangsUpWhatIsLeft(t *testing.T) {
	t.Parallel()
	a, p := start(t, nil)
	p.call("one")
	go a.drain(time.Nanosecond)
	bye := p.request(sip.BYE)
	if _, err := p.c.WriteTo([]byte(sip.NewResponseFromRequest(bye, 200, "OK", nil).String()), p.to); err != nil {
		t.Fatal(err)
	}
	<-a.idle()
}

func TestMediaComesBack(t *testing.T) {
	t.Parallel()
	_, p := start(t, func(o *options) { o.media = "127.0.0.1" })
	p.send("INVITE", "one", 1, "")
	res := p.status(sip.INVITE, 200)
	_, after, found := bytes.Cut(res.Body(), []byte("m=audio "))
	var port int
	if _, err := fmt.Sscan(string(after), &port); err != nil || !found {
		t.Fatalf("no port in %s", res.Body())
	}
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("sound")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 16)
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(b); err != nil || string(b[:n]) != "sound" {
		t.Errorf("came back: %q, %v", b[:n], err)
	}
}

func TestStatusIsJSON(t *testing.T) {
	t.Parallel()
	a, p := start(t, nil)
	p.call("one")
	w := httptest.NewRecorder()
	a.web().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/status", nil))
	var got status
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Name != "echo-0" || got.Calls["conf"] != 1 {
		t.Errorf("got %s, %v", w.Body, err)
	}
}
