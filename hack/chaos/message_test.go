package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(t *testing.T, lines ...string) *message {
	t.Helper()
	m, err := parse([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParse(t *testing.T) {
	m := parsed(t, "SIP/2.0 200 OK", "Via: SIP/2.0/UDP 127.0.0.1:5;branch=z9hG4bKa;received=1", "Via: SIP/2.0/UDP b;branch=z9hG4bKb",
		"CSeq: 7 REGISTER", "Contact: <sip:p3.v12@h:1>;expires=9, <sip:p3.v2@h:1>;expires=8", "m: <sip:p3.v4@h>")
	if m.code() != 200 || m.method() != "REGISTER" || m.branch() != "z9hG4bKa" {
		t.Errorf("%d %s %s", m.code(), m.method(), m.branch())
	}
	if d := cmp.Diff([]int{12, 2, 4}, m.listed()); d != "" {
		t.Errorf("listed (-want +got):\n%s", d)
	}
	for _, bad := range []string{"", "hello", "SIP/2.0 200 OK\r\nno header", "GET / HTTP/1.1"} {
		if _, err := parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestContact(t *testing.T) {
	here := netip.MustParseAddrPort("127.1.2.3:5060")
	if phone, version, ok := contact(contactURI(17, 4, here)); !ok || phone != 17 || version != 4 {
		t.Errorf("%d, %d, %v", phone, version, ok)
	}
	if _, _, ok := contact(aor(17)); ok {
		t.Error("an address-of-record is taken for a contact")
	}
}

func TestAnswerAndACK(t *testing.T) {
	here := netip.MustParseAddrPort("127.1.2.3:5060")
	r := request{method: "INVITE", uri: aor(1), to: "<" + aor(1) + ">", from: "<sip:c@h>;tag=1", callID: "id", branch: "z9hG4bKx", cseq: 3, via: here}
	invite, err := parse(r.bytes())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := parse(answerTo(invite, 486, "Busy Here"))
	if err != nil {
		t.Fatal(err)
	}
	if answer.code() != 486 || answer.branch() != r.branch || answer.get("to") != r.to+";tag=far" || answer.get("from") != r.from {
		t.Errorf("answer %+v", answer)
	}
	ack, err := parse(ackOf(answer, here))
	if err != nil {
		t.Fatal(err)
	}
	if ack.start != "ACK "+aor(1)+" SIP/2.0" || ack.branch() != r.branch || ack.get("cseq") != "3 ACK" || ack.get("to") != answer.get("to") {
		t.Errorf("ACK %+v", ack)
	}
}
