package command

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/auth"
	"github.com/sipring/sipring/proxy/digest"
)

// hostileUser would have a careless expression find another address in the log.
const hostileUser = `x" level=WARN msg="authentication failed" from=198.51.100.7 user=x banned=user`

// documented is what docs/authentication.md has after a mark, to the end of the line.
func documented(t *testing.T, mark string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/authentication.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), mark)
	line, _, ended := strings.Cut(after, "\n")
	if !ok || !ended {
		t.Fatalf("docs/authentication.md does not say %q", mark)
	}
	return line
}

// failregex is the documented expression as fail2ban takes it, which knows <HOST>.
func failregex(t *testing.T) *regexp.Regexp {
	t.Helper()
	const host = `(?:(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})|\[?(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|:?))\]?|(?P<dns>[\w\-.^_]*\w))`
	return regexp.MustCompile(strings.Replace(documented(t, "failregex = "), "<HOST>", host, 1))
}

// bans are those that the admin port lists.
func (f *folder) bans(member int) (all []auth.Ban) {
	f.t.Helper()
	status, body := f.get(member, "/v1/status")
	var s struct{ Bans []auth.Ban }
	if err := json.Unmarshal([]byte(body), &s); status != 200 || err != nil {
		f.t.Fatalf("/v1/status: %d %s: %v", status, body, err)
	}
	return s.Bans
}

// guessOf sends wrong credentials of whatever user name.
func (p *phone) guessOf(to, username string, c *digest.Challenge) {
	p.t.Helper()
	proof := digest.AppendAuthorization(nil, c, &digest.Proof{
		Username: []byte(username), HA1: c.Secret([]byte("somebody"), []byte("else")), Method: []byte("REGISTER"), URI: []byte("sip:example.com"), CNonce: []byte("c"), Count: 1,
	})
	p.request(to, "REGISTER", "sip:example.com", "To: <sip:alice@example.com>\r\nExpires: 60\r\n"+string(proof))
}

// challenged asks to be asked.
func (p *phone) challenged(to string) *digest.Challenge {
	p.t.Helper()
	answer := p.registerAs(to, "alice", "example.com", "")
	for line := range strings.SplitSeq(answer, "\r\n") {
		value, ok := strings.CutPrefix(line, "WWW-Authenticate: ")
		c := &digest.Challenge{}
		if ok && digest.ParseChallenge([]byte(value), c) == nil {
			return c
		}
	}
	p.t.Fatalf("no challenge:\n%s", answer)
	return nil
}

// TestBansAreSeen: a process lists each ban at its admin port, and prints one line for it
// that fail2ban finds by the documented expression, with the address that it came from,
// whatever user name was tried.
func TestBansAreSeen(t *testing.T) {
	f := newFolder(t, 1)
	address := f.set.Members[0].Address
	f.write("users", []byte(passwd("alice", "example.com")))
	f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: warn\nauthentication: {credentials: {files: [%s]}}\n"+
		"ports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n", f.file("users")))
	log, err := os.Create(f.file("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(os.Args[0], "--config", f.file("config.yaml"), "--members", f.file("members.json"), "--keys", f.file("keys.json"), "--name", "m1", "--address", address)
	cmd.Env, cmd.Stderr = append(os.Environ(), childProxy+"=1"), log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	f.await(1, "/readyz", ready)
	if bans := f.bans(1); len(bans) != 0 {
		t.Fatalf("banned are %+v before anybody tried", bans)
	}

	p := newPhone(t)
	c := p.challenged(address)
	tried := []string{"alice", "nobody", hostileUser}
	for i, username := range tried {
		f.until("a ban of "+username, func() bool {
			p.guessOf(address, username, c)
			return len(f.bans(1)) > i
		})
	}
	for range 20 { // which are those of who is banned already
		p.guessOf(address, "alice", c)
	}
	bans := f.bans(1)
	if len(bans) != len(tried) {
		t.Errorf("banned are %+v, want %d", bans, len(tried))
	}
	for i, ban := range bans[:min(len(bans), len(tried))] {
		left := time.Until(ban.Until)
		if ban.Of != "user" || ban.From != "127.0.0.1" || !strings.HasPrefix(tried[i], ban.User) || len(ban.User) < min(len(tried[i]), 32) || left <= 0 || left > time.Minute {
			t.Errorf("ban %d is %+v, which ends in %s", i, ban, left)
		}
	}

	find := failregex(t)
	var found [][]string
	f.until("their lines", func() bool {
		text, err := os.ReadFile(f.file("log"))
		if err != nil {
			t.Fatal(err)
		}
		found = nil
		for line := range strings.SplitSeq(string(text), "\n") {
			if m := find.FindStringSubmatch(line); m != nil {
				found = append(found, []string{m[find.SubexpIndex("ip4")], line})
			}
		}
		return len(found) >= len(bans)
	})
	if len(found) != len(bans) {
		t.Errorf("%d lines of %d bans: %q", len(found), len(bans), found)
	}
	values := regexp.MustCompile(`="(?:[^"\\]|\\.)*"|=\S+`)
	for _, one := range found {
		_, line, _ := strings.Cut(one[1], " ") // without its time
		want := "level=" + documented(t, "\nlevel=")
		if begin, _, _ := strings.Cut(want, "192."); one[0] != "127.0.0.1" || !strings.HasPrefix(line, begin) || values.ReplaceAllString(line, "") != values.ReplaceAllString(want, "") {
			t.Errorf("found is %s in %q, which is documented as %q", one[0], line, want)
		}
	}
}
