package server

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// TestRFC6223_4_4_KeepOfARegistration: who asks is told how often to send keep-alives, while
// something is registered; who does not is told nothing.
func TestRFC6223_4_4_KeepOfARegistration(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	for over, want := range map[flow.Transport]string{flow.UDP: ";keep=25;", flow.TCP: ";keep=120;", flow.TLS: ";keep=120;"} {
		bob := newPhoneOver(t, over, "bob", x)
		cseq := 0
		register := func(param, contact string, further ...string) []byte {
			cseq++
			text := bytes.Replace(bob.registerText("keep-"+over.String(), cseq, append(further, "Contact: "+contact)...), []byte(";rport;"), []byte(param), 1)
			bob.sendRaw(x.addr, text)
			line, _, _ := bytes.Cut(bob.status(200).Raw[len("SIP/2.0 200 OK\r\n"):], []byte("\r\n"))
			return line
		}
		own := "<" + bob.contact() + ">"
		for param, answer := range map[string]string{
			";keep;": want, ";rport;KEEP;": want, ";keep;rport;": want,
			";keep=7;": ";keep=7;", ";rport;": "", ";x=keep;": "",
		} {
			via := string(register(param, own))
			if answer == "" && strings.Contains(via, "keep=") || !strings.Contains(via, answer) {
				t.Errorf("over %v, of %s the answer has %q, want %s", over, param, via, answer)
			}
		}
		if via := register(";keep;", own+";expires=0"); bytes.Contains(via, []byte("keep=")) {
			t.Errorf("over %v, who unregisters is told %q", over, via)
		}
	}
}

// TestRFC5923_RequestsComeBackOverTheConnection: a proxy that calls over a connection gets
// what is for it over that, whether or not it says alias, and not over another one that
// is opened to the address in its Via, which anybody could name.
func TestRFC5923_RequestsComeBackOverTheConnection(t *testing.T) {
	t.Parallel()
	for _, over := range []flow.Transport{flow.TCP, flow.TLS} {
		for _, alias := range []string{"", ";alias"} {
			x := startCluster(t, 2, everyTransport)
			named, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = named.Close() })
			proxy, bob := newPhoneOver(t, over, "alice", x[0]), newPhone(t, "bob")
			proxy.over.host = named.Addr().String() + alias // a parameter of its Via
			bob.register(x[1])
			caller, callee := establish(t, x[0], proxy, bob)
			callee.send("INFO")
			caller.p.reply(caller.p.request("INFO"), 200, "OK", "")
			callee.p.status(200)
			callee.proxy = x[1].addr
			callee.send("BYE")
			caller.p.reply(caller.p.request("BYE"), 200, "OK", "")
			callee.p.status(200)
			if err := named.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := named.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("over %v, %q: a connection to the address in Via: %v", over, alias, err)
			}
		}
	}
}
