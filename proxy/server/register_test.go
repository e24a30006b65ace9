package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/wire"
)

// registerText is a REGISTER of user@example.com.
func (p *phone) registerText(callID string, cseq int, headers ...string) []byte {
	return []byte(fmt.Sprintf("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@example.com>;tag=r\r\nTo: <sip:%s@example.com>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\n%sContent-Length: 0\r\n\r\n",
		p.addr, unique("z9hG4bKreg"), p.user, p.user, callID, cseq, lines(headers)))
}

// register binds the phone's own contact.
func (p *phone) register(x *proxy) *received {
	p.t.Helper()
	p.sendRaw(x.addr, p.registerText(unique("reg"), 1, "Contact: <"+p.contact()+">", "Expires: 300"))
	return p.status(200)
}

// contacts are the Contact values of the answer to a fetch.
func (p *phone) contacts(x *proxy) []string {
	p.t.Helper()
	p.sendRaw(x.addr, p.registerText(unique("reg"), 1))
	return p.status(200).values(wire.HeaderContact)
}

func TestRFC3261_10_RegisterFetchRefreshRemove(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact)
	bob := newPhone(t, "bob")
	send := func(callID string, cseq int, headers ...string) *received {
		t.Helper()
		bob.sendRaw(x.addr, bob.registerText(callID, cseq, headers...))
		return bob.receive(patience)
	}
	want := func(r *received, status int, contacts ...string) {
		t.Helper()
		if r == nil {
			t.Fatal("no answer")
		}
		if r.StatusCode() != status {
			t.Fatalf("got %d %s, want %d", r.StatusCode(), r.Reason(), status)
		}
		if diff := cmp.Diff(append([]string{}, contacts...), r.values(wire.HeaderContact)); diff != "" {
			t.Fatal(diff)
		}
	}
	r := send("c", 1, "Contact: <sip:b@192.0.2.1>;q=0.5;a=b, <sip:c@192.0.2.2;x>;+sip.instance=\"<urn:1>\"", "Expires: 90")
	want(r, 200, "<sip:b@192.0.2.1>;expires=90;q=0.500;a=b", `<sip:c@192.0.2.2;x>;expires=90;+sip.instance="<urn:1>"`)
	if len(r.ToTag()) == 0 {
		t.Error("the answer has no To tag")
	}
	want(send("c", 2), 200, "<sip:b@192.0.2.1>;expires=90;q=0.500;a=b", `<sip:c@192.0.2.2;x>;expires=90;+sip.instance="<urn:1>"`)
	want(send("c", 3, "Contact: <sip:b@192.0.2.1>;expires=0, <sip:c@192.0.2.2;x>;expires=120"), 200, "<sip:c@192.0.2.2;x>;expires=120")
	want(send("c", 3, "Contact: <sip:b@192.0.2.1>;expires=0, <sip:c@192.0.2.2;x>;expires=120"), 200, "<sip:c@192.0.2.2;x>;expires=120")
	want(send("c", 2, "Contact: <sip:c@192.0.2.2;x>;expires=180"), 500)
	want(send("d", 1, "Contact: <sip:c@192.0.2.2;x>;expires=180"), 200, "<sip:c@192.0.2.2;x>;expires=180")
	want(send("d", 2, "Contact: <sip:c@192.0.2.2;x>;expires=10"), 423)
	want(send("d", 3, "Contact: *"), 400)
	want(send("d", 4, "Contact: *", "Expires: 0"), 200)
	want(send("d", 5), 200)
}

func TestRFC3261_10_3_TooManyContactsChangeNothing(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	bob := newPhone(t, "bob")
	contacts := ""
	for i := range 11 {
		contacts += fmt.Sprintf(",<sip:b%d@192.0.2.1>", i)
	}
	bob.sendRaw(x.addr, bob.registerText("c", 1, "Contact: "+contacts[1:]))
	bob.status(403)
	if c := bob.contacts(x); len(c) != 0 {
		t.Errorf("bindings were made: %v", c)
	}
}

func TestRFC3261_10_2_BindingExpires(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, func(c *proxyOptions) { c.config.Registrar.MinExpires = 1 })
	bob := newPhone(t, "bob")
	bob.sendRaw(x.addr, bob.registerText("c", 1, "Contact: <sip:b@192.0.2.1>;expires=1"))
	bob.status(200)
	deadline := time.Now().Add(patience)
	for len(bob.contacts(x)) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the binding outlives its second")
		}
	}
}

func TestRFC3581_4_AnswersTheSourceWhenAsked(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	bob := newPhone(t, "bob")
	bob.send(x.addr, fmt.Sprintf(`
		OPTIONS sip:example.com SIP/2.0
		v: SIP/2.0/UDP 203.0.113.1:9999;rport;branch=z9hG4bK1
		f: <sip:bob@example.com>;tag=1
		t: <sip:example.com>
		i: %s
		CSeq: 1 OPTIONS`, unique("o")))
	r := bob.status(200)
	via, err := r.TopVia()
	if err != nil {
		t.Fatal(err)
	}
	port, _ := via.RPort()
	if string(via.Received()) != "127.0.0.1" || port != bob.addr.Port() {
		t.Errorf("Via of the answer: %s", r.value(wire.HeaderVia))
	}
}

func TestRFC3261_18_2_2_AnswersTheSentByPort(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	bob, other := newPhone(t, "bob"), newPhone(t, "other")
	bob.send(x.addr, fmt.Sprintf(`
		OPTIONS sip:example.com SIP/2.0
		Via: SIP/2.0/UDP a.example:%d;branch=z9hG4bK1
		From: <sip:bob@example.com>;tag=1
		To: <sip:example.com>
		Call-ID: %s
		CSeq: 1 OPTIONS`, other.addr.Port(), unique("o")))
	other.status(200)
}

// A datagram that is late is told from a phone that began anew by its branch and its CSeq.
func TestRFC3261_10_3_BegunAnew(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	bob := newPhone(t, "bob")
	contact := "Contact: <" + bob.contact() + ">"
	first := bob.registerText("c", 1, contact)
	removal := bob.registerText("c", 2, contact+";expires=0")
	for _, step := range []struct {
		name     string
		text     []byte
		status   int
		contacts int
	}{
		{"registers", first, 200, 1},
		{"registers, again", first, 200, 1},
		{"unregisters with the same CSeq", bob.registerText("c", 1, contact+";expires=0"), 500, 1},
		{"unregisters", removal, 200, 0},
		{"unregisters, again", removal, 200, 0},
		{"what was removed, late", first, 500, 0},
		{"begins anew", bob.registerText("c", 1, contact), 200, 1},
		{"unregisters with *", bob.registerText("c", 2, "Contact: *", "Expires: 0"), 200, 0},
		{"begins anew with that CSeq", bob.registerText("c", 2, contact), 200, 1},
	} {
		bob.forget()
		bob.sendRaw(x.addr, step.text)
		bob.status(step.status)
		if got := bob.contacts(x); len(got) != step.contacts {
			t.Fatalf("%s: %v", step.name, got)
		}
	}
}

// A branch that is not unique says nothing (RFC 3261 8.1.1.7).
func TestRFC2543_RegisterWithoutBranch(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	bob := newPhone(t, "bob")
	for i, contact := range []string{";expires=60", ";expires=60", ";expires=0"} {
		text := bytes.Replace(bob.registerText("c", 1, "Contact: <"+bob.contact()+">"+contact), []byte(";branch=z9hG4bK"), []byte(";branch="), 1)
		bob.sendRaw(x.addr, text)
		bob.status([]int{200, 200, 500}[i])
	}
}

// What is no SIP address may be registered (RFC 3261 10.2.1) and is not called.
func TestRFC3261_10_2_1_ContactsOfOtherSchemes(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	others := []string{"<tel:+12125551212>;expires=60", "<mailto:bob@example.com>;expires=60", "<urn:service:sos>;expires=60"}
	bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: "+strings.Join(others, ", ")))
	slices.Sort(others)
	if diff := cmp.Diff(others, bob.status(200).values(wire.HeaderContact)); diff != "" {
		t.Fatal(diff)
	}
	d := alice.ring(x.addr, "sip:bob@example.com")
	d.ackFailure(alice.status(480))
	bob.register(x)
	alice.ring(x.addr, "sip:bob@example.com")
	if r := bob.request("INVITE"); string(r.RequestURI()) != bob.contact() {
		t.Errorf("called at %s", r.RequestURI())
	}
}
