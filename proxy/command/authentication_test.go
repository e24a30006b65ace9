package command

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/digest"
)

// passwd is a line of a file of credentials, of a user whose password is their name.
func passwd(user, realm string) string {
	return fmt.Sprintf("%s:%s:%x\n", user, realm, digest.HA1(digest.MD5, []byte(user), []byte(realm), []byte(user)))
}

// registerAs sends a REGISTER for user@domain, with credentials if challenge is one, and
// returns the answer.
func (p *phone) registerAs(to, user, domain, challenge string) string {
	p.t.Helper()
	p.tryAs(to, user, domain, user, challenge)
	return p.receive("SIP/2.0")
}

// guess sends credentials that are wrong.
func (p *phone) guess(to, user, domain, challenge string) { p.tryAs(to, user, domain, "no", challenge) }

func (p *phone) tryAs(to, user, domain, password, challenge string) {
	p.t.Helper()
	lines := fmt.Sprintf("To: <sip:%s@%s>\r\nExpires: 60\r\n", user, domain)
	for v := range strings.SplitSeq(challenge, "\r\n") {
		value, ok := strings.CutPrefix(v, "WWW-Authenticate: ")
		if !ok || !strings.Contains(value, "MD5") {
			continue
		}
		var c digest.Challenge
		if err := digest.ParseChallenge([]byte(value), &c); err != nil {
			p.t.Fatal(err)
		}
		lines += string(digest.AppendAuthorization(nil, &c, &digest.Proof{
			Username: []byte(user), HA1: c.Secret([]byte(user), []byte(password)), Method: []byte("REGISTER"), URI: []byte("sip:" + domain), CNonce: []byte("c"), Count: 1,
		}))
	}
	p.request(to, "REGISTER", "sip:"+domain, lines)
}

func TestProxyFollowsItsAuthentication(t *testing.T) {
	f := newFolder(t, 1)
	address := f.set.Members[0].Address
	f.write("users", []byte(passwd("alice", "example.com")))
	f.write("others", []byte(passwd("bob", "example.com")))
	write := func(authentication string) {
		f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: error\nauthentication: %s\n"+
			"egress: {contacts: Any}\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n", authentication))
	}
	write(fmt.Sprintf("{credentials: {files: [%s]}}", f.file("users")))
	f.start("m1", "--address", address, "--keys", f.file("keys.json"))
	f.await(1, "/readyz", ready)
	p := newPhone(t)
	registers := func(user string, want string) func() bool {
		return func() bool {
			answer := p.registerAs(address, user, "example.com", "")
			if strings.HasPrefix(answer, "SIP/2.0 401") {
				answer = p.registerAs(address, user, "example.com", answer)
			}
			return strings.HasPrefix(answer, "SIP/2.0 "+want)
		}
	}
	for user, want := range map[string]string{"alice": "200", "bob": "401"} {
		if !registers(user, want)() {
			t.Errorf("%s is not answered %s", user, want)
		}
	}
	f.write("users", []byte(passwd("alice", "example.com")+passwd("carol", "example.com")))
	f.until("a new user", registers("carol", "200"))
	write("{credentials: {files: []}}") // cannot work
	write(fmt.Sprintf("{credentials: {files: [%s]}}", f.file("others")))
	f.until("another file", registers("bob", "200"))
	if !registers("alice", "401")() {
		t.Error("a user of the file before is still let in")
	}
	write("{open: true}")
	f.until("all are let in", func() bool { return strings.HasPrefix(p.registerAs(address, "dave", "example.com", ""), "SIP/2.0 200") })
	write(fmt.Sprintf("{credentials: {files: [%s]}}", f.file("users")))
	f.until("who registers is asked again", registers("bob", "401"))
}
