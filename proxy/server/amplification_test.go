package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// smallRequest is a request as short as it may be: with compact names, and a Via,
// tags and Call-ID of a letter or two. headers end in CRLF.
func smallRequest(method, uri, to, headers string) string {
	return fmt.Sprintf("%s %s SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK%s;rport\r\nf:<sip:a@b>;tag=1\r\nt:<%s>\r\ni:%s\r\nCSeq:1 %s\r\n%s\r\n",
		method, uri, unique("a"), to, unique("i"), method, headers)
}

// strangersRequests are what a stranger sends. A kind with an "INVITE" to bob has
// an answer from there.
func strangersRequests() map[string][]string {
	const own, bob, nobody, big = "sip:example.com", "sip:bob@example.com", "sip:nobody@example.com", "sip:big@example.com"
	sdp := "c:application/sdp\r\nl:400\r\n\r\n" + strings.Repeat("a=b\r\n", 80)
	one := func(method, uri, to, headers string) []string {
		return []string{smallRequest(method, uri, to, headers)}
	}
	with := func(r string, change ...string) []string { return []string{strings.NewReplacer(change...).Replace(r)} }
	invite := smallRequest("INVITE", bob, bob, sdp)
	cancel := strings.Replace(strings.Replace(strings.Replace(invite, "INVITE sip", "CANCEL sip", 1), "1 INVITE", "1 CANCEL", 1), sdp, "", 1) + "\r\n"
	return map[string][]string{
		"fetch of ten long contacts":       one("REGISTER", own, big, ""),
		"fetch, with padding":              one("REGISTER", own, big, "X:"+strings.Repeat("x", 300)+"\r\n"),
		"fetch of nobody":                  one("REGISTER", own, nobody, ""),
		"one contact more":                 one("REGISTER", own, big, "m:<sip:c@127.0.0.1>\r\n"),
		"REGISTER too brief":               one("REGISTER", own, bob, "m:<sip:c@127.0.0.1>;expires=1\r\n"),
		"REGISTER elsewhere":               one("REGISTER", "sip:b", "sip:a@b", ""),
		"REGISTER of another's contact":    one("REGISTER", own, bob, "m:<sip:c@192.0.2.1>\r\n"),
		"REGISTER, star":                   one("REGISTER", own, nobody, "m:*\r\nExpires:0\r\n"),
		"REGISTER, star and no Expires":    one("REGISTER", own, nobody, "m:*\r\n"),
		"OPTIONS of the proxy":             one("OPTIONS", own, "sip:a@b", ""),
		"OPTIONS elsewhere":                one("OPTIONS", "sip:b", "sip:a@b", ""),
		"OPTIONS, last hop":                one("OPTIONS", own, own, "Max-Forwards:0\r\n"),
		"OPTIONS, last hop, to bob":        one("OPTIONS", bob, bob, "Max-Forwards:0\r\n"),
		"OPTIONS of nobody":                one("OPTIONS", nobody, nobody, ""),
		"OPTIONS with Require":             one("OPTIONS", own, own, "Require:a,b,c\r\n"),
		"INVITE elsewhere":                 one("INVITE", "sip:x@y", "sip:x@y", ""),
		"INVITE of nobody":                 one("INVITE", nobody, nobody, ""),
		"INVITE of the proxy":              one("INVITE", own, own, ""),
		"INVITE, sips":                     one("INVITE", "sips:bob@example.com", bob, ""),
		"INVITE by a foreign Route":        one("INVITE", bob, bob, "Route:<sip:192.0.2.1;lr>\r\n"),
		"INVITE with Proxy-Require":        one("INVITE", bob, bob, "Proxy-Require:a\r\n"),
		"INVITE of a tel":                  one("INVITE", "tel:+1", "tel:+1", ""),
		"INVITE that is busy":              {invite},
		"INVITE that is busy, short":       one("INVITE", bob, bob, ""),
		"INVITE that is cancelled":         {strings.ReplaceAll(invite, bob, "sip:silent@example.com"), strings.ReplaceAll(cancel, bob, "sip:silent@example.com")},
		"INVITE that nobody answers":       with(invite, bob, "sip:silent@example.com"),
		"INVITE that nobody answers, tiny": one("INVITE", "sip:silent@example.com", nobody, ""),
		"MESSAGE that nobody answers":      one("MESSAGE", "sip:silent@example.com", nobody, "l:0\r\n"),
		"BYE of nothing":                   one("BYE", bob, bob+">;tag=1;x=<", ""),
		"ACK of nothing":                   one("ACK", bob, bob, ""),
		"ACK of nothing, to many":          one("ACK", big, big, ""),
		"CANCEL of nothing":                one("CANCEL", bob, bob, ""),
		"CANCEL of nothing, to many":       one("CANCEL", big, big, ""),
		"CANCEL of nothing, to nobody":     one("CANCEL", nobody, nobody, ""),
		"no CSeq number":                   with(smallRequest("INVITE", own, own, ""), "CSeq:1", "CSeq:x"),
		"no Call-ID":                       with(smallRequest("INVITE", own, own, ""), "i:", "X:"),
		"another version":                  with(smallRequest("INVITE", own, own, ""), "bob SIP/2.0", "bob SIP/3.0"),
		"body cut short":                   one("INVITE", own, own, "l:9\r\n"),
		"nothing but a Via":                {"INVITE sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1;rport\r\n\r\n"},
		"a response":                       {"SIP/2.0 200 OK\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1;rport\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:1\r\nCSeq:1 INVITE\r\n\r\n"},
	}
}

// TestStrangersGetNoMoreThanTwiceWhatTheySend: who forges a source address has what
// is sent there, so it is no more than twice the bytes and datagrams that came from
// there, over all that is repeated for want of an ACK.
func TestStrangersGetNoMoreThanTwiceWhatTheySend(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, func(o *proxyOptions) {
		o.timers.T1, o.timers.T4, o.timers.D = 2*time.Millisecond, 2*time.Millisecond, 20*time.Millisecond
	})
	big, silent, bob := newPhone(t, "big"), newPhone(t, "silent"), newPhone(t, "bob")
	for i := range 10 {
		contact := fmt.Sprintf("Contact: <sip:%d@%s>;a=%s", i, big.addr, strings.Repeat("x", 800))
		big.sendRaw(x.addr, big.registerText(unique("reg"), 1, contact))
		big.status(200)
	}
	silent.register(x)
	bob.register(x)
	go busy(bob)
	go busy(big)
	kinds := strangersRequests()
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		stranger := newPhone(t, "stranger")
		stranger.lenient = true
		in, out, received := 0, 0, 0
		for i, text := range kinds[name] {
			if i > 0 {
				silent.request("INVITE")
			}
			stranger.sendRaw(x.addr, []byte(text))
			in += len(text)
		}
		for quiet := false; !quiet; {
			r := stranger.receive(40 * time.Millisecond)
			if r != nil {
				out, received = out+len(r.Raw), received+1
			}
			quiet = r == nil && x.Transactions() == 0
		}
		for silent.receive(time.Millisecond) != nil { // what else came to it
		}
		bytes, datagrams := float64(out)/float64(in), float64(received)/float64(len(kinds[name]))
		t.Logf("%-34s %5d bytes in %6d out x%-5.1f %2d datagrams in %3d out", name, in, out, bytes, len(kinds[name]), received)
		if bytes > 2 || datagrams > 2 {
			t.Errorf("%s: %.1f bytes and %.1f datagrams out for each in", name, bytes, datagrams)
		}
	}
}

// busy answers what comes to a phone as one that is busy, and as one that knows
// nothing of what is cancelled, until its socket is closed.
func busy(p *phone) {
	buf := make([]byte, 65535)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		var m wire.Message
		if m.Scan(buf[:n], nil) != nil || !m.IsRequest() || m.Method() == wire.MethodAck {
			continue
		}
		status := 486
		if m.Method() == wire.MethodCancel {
			status = 481
		}
		_, _ = p.conn.WriteToUDPAddrPort(wire.AppendResponse(nil, &m, status, "No", []byte("b"), nil), from)
	}
}
