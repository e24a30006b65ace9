package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNobodyElseIsSentAnything: whatever a stranger puts together of what names an
// address, in and out of dialogs of its own, reaches nobody who is not in them.
func TestNobodyElseIsSentAnything(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	names := func(o *proxyOptions) { o.lookup = resolveKnown("out.example", "127.0.0.9") }
	x := []*proxy{startMember(t, mem, 1, names), startMember(t, mem, 2, names)}
	out := outsider(t)
	rapid.Check(t, func(rt *rapid.T) {
		me := newPhone(t, unique("bob"))
		me.lenient = true
		me.register(x[0])
		d := me.selfCall(t, x[0])
		for range rapid.IntRange(1, 6).Draw(rt, "requests") {
			text := randomRequest(rt, d, me, out)
			me.sendRaw(x[rapid.IntRange(0, 1).Draw(rt, "member")].addr, []byte(text))
		}
		if r := out.receive(3 * time.Millisecond); r != nil {
			rt.Fatalf("it got\n%s", r.Raw)
		}
	})
	out.quiet(50 * time.Millisecond)
}

// selfCall is a call of the phone with itself, as its caller has it.
func (p *phone) selfCall(t *testing.T, x *proxy) *dialog {
	t.Helper()
	d := p.ring(x.addr, "sip:"+p.user+"@example.com")
	invite := p.inviteOf(t)
	p.reply(invite, 200, "OK", "b", "Contact: <"+p.contact()+">")
	for {
		r := p.receive(patience)
		if r == nil {
			t.Fatal("the call is not answered")
		}
		if !r.IsRequest() && r.StatusCode() == 200 {
			d.answered(r)
			return d
		}
	}
}

// randomRequest puts a request together.
func randomRequest(rt *rapid.T, d *dialog, me, out *phone) string {
	pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, what) }
	hosts := []string{
		me.addr.String(), out.addr.String(), fmt.Sprintf("[::ffff:127.0.0.9]:%d", out.addr.Port()), fmt.Sprintf("out.example:%d", out.addr.Port()),
		fmt.Sprintf("127.0.0.1:%d", out.addr.Port()), "10.0.0.9:5060", "h.invalid", "example.com", fmt.Sprintf("example.com:%d", out.addr.Port()),
	}
	host := func(what string) string { return pick(what, hosts...) }
	uri := func(what string) string {
		u := "sip:" + pick(what+" user", me.user+"@", "x@", "", strings.TrimPrefix(strings.Split(d.routes[0], "@")[0], "<sip:")+"@") + host(what)
		return u + pick(what+" parameter", "", "", ";lr", ";transport=udp", ";maddr=127.0.0.9", ";maddr=127.0.0.1", ";maddr=out.example")
	}
	method := pick("method", "REGISTER", "INVITE", "MESSAGE", "BYE", "ACK", "CANCEL", "SUBSCRIBE", "NOTIFY", "REFER")
	b := &strings.Builder{}
	aor := "sip:" + me.user + "@example.com"
	requestURI := pick("Request-URI", aor, "sip:example.com", d.target, strings.Trim(d.routes[0], "<>"), uri("Request-URI"))
	fmt.Fprintf(b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s%s\r\n", method, requestURI, host("Via"), unique("z9hG4bKp"), pick("rport", "", ";rport"))
	for i := range rapid.IntRange(0, 3).Draw(rt, "lines") {
		what := fmt.Sprint("line ", i)
		switch name := pick(what, "Via", "Contact", "Path", "Route", "Route", "Record-Route"); name {
		case "Via":
			fmt.Fprintf(b, "Via: SIP/2.0/UDP %s;branch=z9hG4bKq\r\n", host(what))
		case "Route":
			fmt.Fprintf(b, "Route: %s\r\n", pick(what, d.routes[0], "<"+uri(what)+">"))
		default:
			fmt.Fprintf(b, "%s: <%s>\r\n", name, uri(what))
		}
	}
	from, to := d.local, d.remote
	if rapid.Bool().Draw(rt, "as the callee") {
		from, to = to, from
	}
	if method == "REGISTER" || rapid.Bool().Draw(rt, "no dialog") {
		from, to = "<"+aor+">;tag=r", "<"+aor+">"
	}
	fmt.Fprintf(b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 9\r\nContent-Length: 0\r\n\r\n", from, to, d.callID, serial.Add(1), method)
	return b.String()
}
