package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// TestMalformedMessages sends what RFC 3261 16.3 step 1 and 8.2 have answered
// with an error, and what nobody may answer.
func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	p := newPhone(t, "mallory")
	p.lenient = true
	via := fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK1\r\n", p.addr)
	rest := "From: <sip:a@b>;tag=1\r\nTo: <sip:c@example.com>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n"
	for name, c := range map[string]struct {
		text   string
		status int // 0: no answer
		reason string
	}{
		"missing Call-ID":           {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + strings.Replace(rest, "Call-ID: c\r\n", "", 1) + "\r\n", 400, "Missing Call-ID"},
		"missing From":              {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + strings.Replace(rest, "From: <sip:a@b>;tag=1\r\n", "", 1) + "\r\n", 400, "Missing From"},
		"CSeq of another method":    {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + strings.Replace(rest, "1 MESSAGE", "1 BYE", 1) + "\r\n", 400, "CSeq method does not match request method"},
		"CSeq too large":            {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + strings.Replace(rest, "1 MESSAGE", "4294967296 MESSAGE", 1) + "\r\n", 400, "Malformed CSeq"},
		"two Call-IDs":              {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "Call-ID: d\r\n\r\n", 400, "Duplicate Call-ID"},
		"version":                   {"MESSAGE sip:c@example.com SIP/7.0\r\n" + via + rest + "\r\n", 505, "Version Not Supported"},
		"Request-URI in brackets":   {"MESSAGE <sip:c@example.com> SIP/2.0\r\n" + via + rest + "\r\n", 400, ""},
		"unknown scheme":            {"MESSAGE nobody:c SIP/2.0\r\n" + via + rest + "\r\n", 416, "Unsupported URI Scheme"},
		"body cut short":            {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "Content-Length: 100\r\n\r\nabc", 400, "Body Shorter Than Content-Length"},
		"negative length":           {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "Content-Length: -1\r\n\r\n", 400, "Malformed Content-Length"},
		"no blank line":             {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest, 400, "Missing Blank Line"},
		"too many headers":          {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + strings.Repeat("X: y\r\n", 200) + "\r\n", 513, "Too Many Header Fields"},
		"a header too long":         {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "X: " + strings.Repeat("y", 9000) + "\r\n\r\n", 513, "Header Field Too Long"},
		"loose Max-Forwards":        {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "Max-Forwards: many\r\n\r\n", 400, "Malformed Max-Forwards"},
		"bare CR":                   {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "X: a\rb\r\n\r\n", 400, "CR Without LF"},
		"bare CR in Call-ID":        {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + strings.Replace(rest, "Call-ID: c", "Call-ID: c\rd", 1) + "\r\n", 400, "CR Without LF"},
		"NUL":                       {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "X: a\x00b\r\n\r\n", 400, "NUL In Header"},
		"another control":           {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "X: a\x1bb\r\n\r\n", 400, "Control Character In Header"},
		"NUL in the only Via":       {"MESSAGE sip:c@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a\x00b\r\n" + rest + "\r\n", 0, ""},
		"bare CR in an ACK":         {"ACK sip:c@example.com SIP/2.0\r\n" + via + strings.Replace(rest, "1 MESSAGE", "1 ACK", 1) + "X: a\rb\r\n\r\n", 0, ""},
		"repeated, but not read":    {"MESSAGE sip:example.com SIP/2.0\r\n" + via + rest + "Expires: 1\r\nExpires: 2\r\n\r\n", 405, ""},
		"no Via":                    {"MESSAGE sip:c@example.com SIP/2.0\r\n" + rest + "\r\n", 0, ""},
		"malformed Via":             {"MESSAGE sip:c@example.com SIP/2.0\r\nVia: here\r\n" + rest + "\r\n", 0, ""},
		"RFC 4475 3.1.2.1":          {"MESSAGE sip:c@example.com SIP/2.0\r\n" + strings.Replace(via, ";branch=z9hG4bK1", ";;,;,,", 1) + rest + "\r\n", 400, "Malformed Via"},
		"malformed Max-Breadth":     {"MESSAGE sip:c@example.com SIP/2.0\r\n" + via + rest + "Max-Breadth: 0\r\n\r\n", 400, "Malformed Max-Breadth"},
		"malformed ACK":             {"ACK sip:c@example.com SIP/2.0\r\n" + via + rest + "\r\n", 0, ""},
		"ACK that leads nowhere":    {"ACK sip:c@elsewhere.example SIP/2.0\r\n" + via + strings.Replace(rest, "1 MESSAGE", "1 ACK", 1) + "\r\n", 0, ""},
		"malformed response":        {"SIP/2.0 2000 OK\r\n" + via + rest + "\r\n", 0, ""},
		"response without our Via":  {"SIP/2.0 200 OK\r\n" + via + rest + "\r\n", 0, ""},
		"keep-alive":                {"\r\n\r\n", 0, ""},
		"NULs":                      {"\x00\x00\x00\x00", 0, ""},
		"STUN that asks nothing":    {"\x00\x11\x00\x00\x21\x12\xa4\x42abcdefghijkl", 0, ""},
		"nothing":                   {"", 0, ""},
		"HTTP":                      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0, ""},
		"noise":                     {strings.Repeat("\xff\xfe", 300), 0, ""},
		"CANCEL that matches none":  {"CANCEL sip:c@elsewhere.example SIP/2.0\r\n" + via + strings.Replace(rest, "1 MESSAGE", "1 CANCEL", 1) + "\r\n", 481, "Call/Transaction Does Not Exist"},
		"OPTIONS, all in one order": {"OPTIONS sip:example.com SIP/2.0\n" + via + strings.Replace(rest, "1 MESSAGE", "1 OPTIONS", 1) + "\n", 200, "OK"},
	} {
		p.sendRaw(x.addr, []byte(c.text))
		if c.status == 0 {
			p.quiet(20 * time.Millisecond)
			continue
		}
		r := p.receive(patience)
		if r == nil {
			t.Errorf("%s: no answer", name)
			continue
		}
		if r.StatusCode() != c.status || c.reason != "" && string(r.Reason()) != c.reason {
			t.Errorf("%s: %d %s, want %d %s", name, r.StatusCode(), r.Reason(), c.status, c.reason)
		}
	}
}

func TestMalformedMessagesAreAnsweredAtALimitedRate(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	p := newPhone(t, "mallory")
	text := []byte(fmt.Sprintf("MESSAGE sip:c@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"+
		"To: <sip:c@example.com>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n", p.addr))
	const n = 3000
	for range n {
		p.sendRaw(x.addr, text)
	}
	upTo(n, func() uint64 { return x.layer.Stats().Received })
	if held := x.metrics.dropped[dropRateLimited].Load(); held == 0 {
		t.Error("every one was answered")
	}
}

func TestRFC3261_11_Options(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	send := func(uri, hops string) {
		alice.send(x.addr, fmt.Sprintf(`
			OPTIONS %s SIP/2.0
			Via: SIP/2.0/UDP %s;branch=%s
			Max-Forwards: %s
			From: <sip:alice@example.com>;tag=1
			To: <sip:bob@example.com>
			Call-ID: %s
			CSeq: 1 OPTIONS`, uri, alice.addr, unique("z9hG4bK"), hops, unique("o")))
	}
	send("sip:example.com", "70")
	if r := alice.status(200); !strings.Contains(r.value(wire.HeaderAllow), "REGISTER") {
		t.Errorf("Allow: %s", r.value(wire.HeaderAllow))
	}
	send("sip:bob@example.com", "70")
	bob.reply(bob.request("OPTIONS"), 200, "OK", "b")
	alice.status(200)
	send("sip:bob@example.com", "0")
	alice.status(200)
	bob.quiet(20 * time.Millisecond)
}

func FuzzHandle(f *testing.F) {
	for _, s := range []string{
		"\r\n\r\n", "", "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl",
		"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@127.0.0.1:9>;q=0.5;+sip.instance=\"<x>\"\r\n\r\n",
		"INVITE sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK2\r\nRoute: <sip:127.0.0.1:5060;lr>\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\n\r\n",
		"CANCEL sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK2\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: c\r\nCSeq: 1 CANCEL\r\n\r\n",
		"ACK sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK2\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>;tag=2\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n\r\n",
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK2\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	x := startProxy(f, func(o *proxyOptions) { o.lookup = resolveTo("127.0.0.1") })
	source := newPhone(f, "fuzz").addr
	f.Fuzz(func(t *testing.T, data []byte) {
		x.Message(flow.OverUDP(source), data)
		x.HandleFrame(2, frameResponse, data)
		x.HandleFrame(2, frameAck, data)
	})
}
