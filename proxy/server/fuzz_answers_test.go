package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/wire"
	"github.com/sipring/sipring/proxy/wire/wiretest"
)

// anybody is a phone at an address of its own, of which nobody knows anything yet.
func anybody(t testing.TB) *phone {
	n := serial.Add(1)
	return newPhoneAt(t, "anybody", fmt.Sprintf("127.%d.%d.%d:0", 1+n>>16%250, n>>8%256, n%256))
}

// arrived is what has come to a phone. It does not wait: on loopback what was sent is
// there.
func (p *phone) arrived(t testing.TB) (all [][]byte) {
	t.Helper()
	raw, err := p.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	if err := raw.Control(func(fd uintptr) {
		for {
			n, _, err := syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
			if err != nil {
				return
			}
			all = append(all, bytes.Clone(buf[:n]))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// answerHeaders are the header fields that answers made here have beside those that
// they copy, and how often at most.
var answerHeaders = map[string]int{
	"via": 128, "from": 1, "to": 1, "call-id": 1, "cseq": 1, "content-length": 1, "timestamp": 1, "contact": 10,
	"date": 1, "path": 1, "min-expires": 1, "unsupported": 1, "retry-after": 1, "allow": 1, "accept": 1, "accept-encoding": 1, "accept-language": 1, "warning": 1,
}

var compactNames = map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id"}

// checkAnswer: what answers a request is a response to that one, and has no line that
// was not meant to be there.
func checkAnswer(t *testing.T, request, answer []byte) *wire.Message {
	t.Helper()
	var r, m wire.Message
	if err := r.Scan(answer, &wire.Limits{MaxMessage: 1 << 20, MaxHeaders: 1000, MaxHeaderLen: 1 << 16}); err != nil || r.IsRequest() {
		t.Fatalf("%v: %q answers %q", err, answer, request)
	}
	if r.StatusCode() < 100 || r.StatusCode() > 699 || len(r.BodyBytes()) > 0 {
		t.Fatalf("%d, %d bytes of body: %q answers %q", r.StatusCode(), len(r.BodyBytes()), answer, request)
	}
	count := map[string]int{}
	for i := range r.Headers {
		name := strings.ToLower(string(r.Headers[i].Name.In(r.Raw)))
		if full, compact := compactNames[name]; compact {
			name = full
		}
		if count[name]++; count[name] > answerHeaders[name] {
			t.Fatalf("%q is there %d times: %q answers %q", name, count[name], answer, request)
		}
	}
	if m.Scan(request, nil) != nil || m.Validate() != nil {
		return &r
	}
	for _, id := range []wire.HeaderID{wire.HeaderFrom, wire.HeaderCallID, wire.HeaderCSeq} {
		want, _ := m.Get(id)
		if got, _ := r.Get(id); !bytes.Equal(got, want) {
			t.Fatalf("%v %q, want %q: %q answers %q", id, got, want, answer, request)
		}
	}
	before, after := valuesOf(&m, wire.HeaderVia), valuesOf(&r, wire.HeaderVia)
	if len(before) != len(after) || !slices.Equal(before[1:], after[1:]) {
		t.Fatalf("Via %q became %q", before, after)
	}
	return &r
}

func valuesOf(m *wire.Message, id wire.HeaderID) []string { return (&received{Message: *m}).values(id) }

// FuzzAnswers: whatever comes from a source of which nothing is known, what goes back
// there at once answers it, and is no more than twice as much.
func FuzzAnswers(f *testing.F) {
	for _, kind := range strangersRequests() {
		for _, text := range kind {
			f.Add([]byte(text))
		}
	}
	torture, err := wiretest.Messages()
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range torture {
		f.Add(m.Raw)
	}
	x := startProxy(f, anyContact, func(o *proxyOptions) { o.timers.T1, o.lookup = 2_000_000, resolveTo("127.0.0.1") })
	big := newPhone(f, "big")
	for i := range 10 {
		contact := fmt.Sprintf("Contact: <sip:%d@%s>;a=%s", i, big.addr, strings.Repeat("x", 800))
		big.sendRaw(x.addr, big.registerText(unique("reg"), 1, contact))
		big.status(200)
	}
	x.mem.mu.Lock()
	kept := x.mem.records["sip:big@example.com"]
	x.mem.mu.Unlock()
	f.Fuzz(func(t *testing.T, data []byte) {
		x.mem.mu.Lock()
		x.mem.records = map[string]location.Record{"sip:big@example.com": kept}
		x.mem.mu.Unlock()
		p := anybody(t)
		x.Message(flow.OverUDP(p.addr), data)
		bytes, answers := 0, p.arrived(t)
		for _, answer := range answers {
			bytes += len(answer)
			checkAnswer(t, data, answer)
		}
		if bytes > 2*len(data) || len(answers) > 2 {
			t.Fatalf("%d datagrams of %d bytes answer %d: %q", len(answers), bytes, len(data), data)
		}
		big.arrived(t)
	})
}

// FuzzRegister: whatever a REGISTER has for contacts, the 200 lists those and nothing
// else, and what it lists can be registered again and is then listed the same.
func FuzzRegister(f *testing.F) {
	for contact, more := range map[string]string{
		"<sip:a@127.0.0.1:9>;x=1":        "",
		"<sip:a@127.0.0.1:9;p=\"q\">":    "Supported: path\r\nPath: <sip:192.0.2.1;lr>,\r\n <sip:b;lr;x=\">\">\r\n",
		"sip:a@127.0.0.1:9;lr;expires=9": "Expires: 7200\r\n",
		"<sip:a@127.0.0.1:9>;+sip.instance=\"a\\\"b\";reg-id=1;expires=4000000000":        "Supported: path, outbound\r\n",
		"\"a\\\r\n b\" <sip:a%0d%0ab@127.0.0.1:9?x=y>;q=0.1;a=\"\r\n b\";q=1;EXPIRES = 8": "",
		"<sip:a@b>;q=0.99999, <tel:+1;x=>>, <sips:c>;methods=\"INVITE;x\"":                "Require: path\r\nPath: <sip:a>\r\n",
		"*": "Expires: 0\r\n",
		"<sip:a@b;x=%3E>,\r\n\t<sip:A@B;x=%3E> ;y; ; z = 1": "m: <sip:c>\r\nc: x\r\n",
	} {
		f.Add([]byte(contact), []byte(more))
	}
	x := startProxy(f, anyContact, func(o *proxyOptions) {
		o.config.Limits.Trusted, o.config.Registrar.MinExpires = []string{"127.0.0.0/8"}, 1
	})
	p := newPhoneAt(f, "phone", "127.0.0.1:0")
	send := func(t *testing.T, cseq int, lines string) (text, answer []byte) {
		text = []byte(fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=%s;rport\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\n"+
			"Call-ID: c\r\nCSeq: %d REGISTER\r\n%sContent-Length: 0\r\n\r\n", unique("z9hG4bK"), cseq, lines))
		x.Message(flow.OverUDP(p.addr), text)
		answers := p.arrived(t)
		if len(answers) > 1 {
			t.Fatalf("%q has %d answers", text, len(answers))
		}
		for _, answer = range answers {
			checkAnswer(t, text, answer)
		}
		return text, answer
	}
	f.Fuzz(func(t *testing.T, contact, more []byte) {
		x.mem.mu.Lock()
		clear(x.mem.records)
		x.mem.mu.Unlock()
		text, answer := send(t, 1, "Contact: "+string(contact)+"\r\n"+string(more))
		var asked, told, again wire.Message
		if answer == nil || told.Scan(answer, nil) != nil || told.StatusCode() != 200 || asked.Scan(text, nil) != nil || asked.Method() != wire.MethodRegister {
			return
		}
		checkListed(t, &asked, &told)
		lines := ""
		for _, v := range valuesOf(&told, wire.HeaderContact) {
			lines += "Contact: " + v + "\r\n"
		}
		if _, answer = send(t, 2, lines); again.Scan(answer, nil) != nil || again.StatusCode() != 200 {
			t.Fatalf("it registers what it was told\n%s\nand gets\n%s", lines, answer)
		}
		if first, second := listed(t, &told), listed(t, &again); !slices.Equal(first, second) {
			t.Fatalf("told %q, and then %q, of\n%s", first, second, text)
		}
	})
}

// checkListed: each contact of the answer is one of the request, in one line, for no
// longer than the registrar allows.
func checkListed(t *testing.T, asked, told *wire.Message) {
	t.Helper()
	var contacts []wire.NameAddr
	for v := range asked.Values(wire.HeaderContact) {
		c, _ := wire.ParseNameAddr(v) // it was taken
		contacts = append(contacts, c)
	}
	for v := range told.Values(wire.HeaderContact) {
		c, err := wire.ParseNameAddr(v)
		if err != nil || bytes.ContainsAny(v, "\r\n") || !slices.ContainsFunc(contacts, func(a wire.NameAddr) bool { return sameContact(&a, &c) }) {
			t.Fatalf("%v: %q is not of %q", err, v, asked.Raw)
		}
		text, _ := c.Param("expires")
		if n, ok := wire.ParseDeltaSeconds(text); !ok || n < 1 || n > 3600 {
			t.Fatalf("%q expires after %q", v, text)
		}
	}
	if path := valuesOf(told, wire.HeaderPath); len(path) > 0 && !slices.Equal(strings.Fields(strings.Join(path, " ")), strings.Fields(strings.Join(valuesOf(asked, wire.HeaderPath), " "))) {
		t.Fatalf("Path %q of %q", path, valuesOf(asked, wire.HeaderPath))
	}
}

// sameContact reports whether a contact is told as it was asked for, its q and time
// aside.
func sameContact(asked, told *wire.NameAddr) bool {
	instance, _ := asked.Param("+sip.instance")
	toldInstance, _ := told.Param("+sip.instance")
	regID, _ := asked.Param("reg-id")
	number, _ := wire.ParseDeltaSeconds(regID)
	regID, _ = told.Param("reg-id")
	toldNumber, _ := wire.ParseDeltaSeconds(regID)
	return bytes.Equal(asked.URI, told.URI) && number == toldNumber && (bytes.Equal(instance, toldInstance) || bytes.Contains(instance, []byte("\n")))
}

// listed are the contacts of a 200 without their time, in order.
func listed(t *testing.T, m *wire.Message) (list []string) {
	t.Helper()
	for _, v := range valuesOf(m, wire.HeaderContact) {
		head, rest, ok := strings.Cut(v, ">;expires=")
		if !ok {
			t.Fatalf("%q has no time", v)
		}
		list = append(list, head+">"+strings.TrimLeft(rest, "0123456789"))
	}
	slices.Sort(list)
	return list
}
