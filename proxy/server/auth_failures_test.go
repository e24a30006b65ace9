package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/auth"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/wire"
)

// lockedLog is a log that may be read meanwhile.
type lockedLog struct {
	users // for its lock
	text  bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) lines(of string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), of)
}

// guarding is guard with the gate at hand, and its log.
func guarding(t *testing.T, u *users) (*auth.Gate, *lockedLog, func(*proxyOptions)) {
	t.Helper()
	keys, err := digest.NewKeys([]digest.Key{{ID: 1, Secret: [32]byte{9}}})
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedLog{}
	g := auth.New(auth.Config{Keys: keys, Log: slog.New(slog.NewTextHandler(log, nil))})
	return g, log, func(o *proxyOptions) {
		o.config.Authentication = &config.Authentication{Credentials: config.Credentials{Files: []string{"unused"}}}
		o.config.ApplyDefaults()
		if err := g.Configure(&o.config, u); err != nil {
			t.Fatal(err)
		}
		o.checks = g.Checks()
	}
}

// guess sends a REGISTER with a wrong password, and returns it and the answer, nil if
// there is none.
func (p *phone) guess(x *proxy, username string) (text []byte, answer *received) {
	p.t.Helper()
	p.sendRaw(x.addr, p.registerText(unique("guess"), 1, "Contact: <"+p.contact()+">", "Expires: 300"))
	a := &account{username: username, password: unique("wrong")}
	text = p.registerText(unique("guess"), 2, a.proof(p.t, p.status(401), "REGISTER", "sip:example.com"))
	p.sendRaw(x.addr, text)
	p.sendRaw(x.addr, p.registerText("mark", 1, "X: y", "Contact: <"+p.contact()+">", "Expires: 300")) // what comes before this is the answer
	r := p.status(401)
	if string(r.CallID()) == "mark" {
		return text, nil
	}
	p.status(401)
	return text, r
}

// TestGuessing: who guesses is answered late, then not at all, and neither the user that
// is guessed nor anybody beside is kept out.
func TestGuessing(t *testing.T) {
	t.Parallel()
	g, log, guarded := guarding(t, &users{})
	x := startProxy(t, guarded, func(o *proxyOptions) { o.config.UDPLoops = 1 })
	alice, bob, mallory := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "alice")
	registers := func(p *phone, a *account, want int) {
		t.Helper()
		if r := p.registerAs(x, a); r.StatusCode() != want {
			t.Fatalf("%s: %d %s, want %d", p.user, r.StatusCode(), r.Reason(), want)
		}
	}
	registers(alice, alice.account(), 200)
	for i := range 3 {
		if _, r := mallory.guess(x, "alice"); r == nil {
			t.Fatalf("guess %d is not answered", i)
		}
	}
	text, r := mallory.guess(x, "alice")
	if r != nil {
		t.Fatal("a fourth guess is answered at once")
	}
	mallory.sendRaw(x.addr, text) // half a second later
	mallory.status(401)
	for range 7 {
		text, _ = mallory.guess(x, "alice")
	}
	mallory.sendRaw(x.addr, text)
	mallory.quiet(20 * time.Millisecond)
	bans := g.Bans()
	if len(bans) != 1 || bans[0].Of != "user" || bans[0].User != "alice" || bans[0].From != "127.0.0.1" || log.lines("authentication failed") != 1 || log.lines("from=127.0.0.1") != 1 {
		t.Errorf("banned are %+v; the log says\n%s", bans, log.text.String())
	}
	registers(alice, alice.account(), 200)
	registers(newPhone(t, "alice"), alice.account(), 200) // from another port
	registers(bob, bob.account(), 200)
	if got := x.metrics.counts(t, "dropped_total"); got["dropped_total unproved"] == 0 {
		t.Errorf("dropped are %v", got)
	}
}

// TestOnePasswordOfManyUsers: who tries all users is banned as a source, and a user who
// comes beside is not.
func TestOnePasswordOfManyUsers(t *testing.T) {
	t.Parallel()
	g, _, guarded := guarding(t, &users{})
	x := startProxy(t, guarded, func(o *proxyOptions) { o.config.UDPLoops = 1 })
	mallory, carol := newPhone(t, "victim"), newPhone(t, "carol")
	for i := 0; len(g.Bans()) == 0; i++ {
		if i > 200 {
			t.Fatal("200 users are tried")
		}
		mallory.guess(x, fmt.Sprintf("user%d", i))
	}
	if bans := g.Bans(); bans[0].Of != "source" {
		t.Errorf("banned are %+v", bans)
	}
	if r := carol.registerAs(x, carol.account()); r.StatusCode() != 200 {
		t.Errorf("%d %s", r.StatusCode(), r.Reason())
	}
}

// TestBansBehindOneAddress: where all phones come from one address, as of a NAT or of a
// node, whoever guesses at all users and goes on and on keeps nobody out who comes for
// the first time, be it the user that is guessed.
func TestBansBehindOneAddress(t *testing.T) {
	t.Parallel()
	g, _, guarded := guarding(t, &users{})
	x := startProxy(t, guarded, func(o *proxyOptions) { o.config.UDPLoops = 1 })
	mallory := newPhone(t, "victim")
	for i := 0; len(g.Bans()) < 1; i++ {
		mallory.guess(x, "alice")
	}
	for i := 0; len(g.Bans()) < 2; i++ {
		mallory.guess(x, fmt.Sprintf("user%d", i))
	}
	if bans := g.Bans(); bans[0].Of != "user" || bans[1].Of != "source" {
		t.Errorf("banned are %+v", bans)
	}
	mallory.sendRaw(x.addr, mallory.registerText("c", 1))
	challenge := mallory.status(401)
	for _, name := range []string{"carol", "alice", "dave"} {
		for i := range 40 {
			for _, username := range []string{"alice", fmt.Sprintf("%s%d", name, i)} {
				wrong := (&account{username: username, password: "?"}).proof(t, challenge, "REGISTER", "sip:example.com")
				mallory.sendRaw(x.addr, mallory.registerText(unique("g"), 1, wrong))
			}
		}
		p := newPhone(t, name)
		if r := p.registerAs(x, p.account()); r.StatusCode() != 200 {
			t.Errorf("%s: %d %s", name, r.StatusCode(), r.Reason())
		}
	}
}

// TestBanLeavesOutWhoIsRegisteredFromThere: a phone that has authenticated at another
// member goes on at the address and port that it is registered from, be its user or its
// address banned, and however many ports somebody behind that address tries from.
func TestBanLeavesOutWhoIsRegisteredFromThere(t *testing.T) {
	t.Parallel()
	g, _, guarded := guarding(t, &users{})
	mem := newMemory()
	other, x := startMember(t, mem, 1, guard(t, &users{}, nil)), startMember(t, mem, 2, guarded, func(o *proxyOptions) { o.config.UDPLoops = 1 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	for _, p := range []*phone{alice, bob} {
		if r := p.registerAs(other, p.account()); r.StatusCode() != 200 {
			t.Fatalf("%d %s", r.StatusCode(), r.Reason())
		}
	}
	mallory := newPhone(t, "victim")
	for i := 0; len(g.Bans()) < 1; i++ {
		mallory.guess(x, "alice")
	}
	for i := 0; len(g.Bans()) < 2; i++ {
		mallory.guess(x, fmt.Sprintf("user%d", i))
	}
	for range 60 { // uses up what is tried all the same, of alice and of the address
		m := newPhone(t, "victim")
		m.sendRaw(x.addr, m.registerText("c", 1))
		challenge := m.status(401)
		for _, username := range []string{"alice", unique("user")} {
			m.sendRaw(x.addr, m.registerText(unique("g"), 1, (&account{username: username, password: "?"}).proof(t, challenge, "REGISTER", "sip:example.com")))
		}
	}
	for _, p := range []*phone{alice, bob} {
		if r := p.registerAs(x, p.account()); r.StatusCode() != 200 {
			t.Errorf("%s: %d %s", p.user, r.StatusCode(), r.Reason())
		}
	}
}

// TestCrowdIsNotBanned: an address that the limits are not for stands for many, and is
// not banned as a whole, while a user that is guessed from there is.
func TestCrowdIsNotBanned(t *testing.T) {
	t.Parallel()
	g, _, guarded := guarding(t, &users{})
	x := startProxy(t, func(o *proxyOptions) { o.config.UDPLoops, o.config.Limits.Trusted = 1, []string{"127.0.0.0/8"} }, guarded)
	mallory := newPhone(t, "victim")
	for i := range 120 {
		mallory.guess(x, fmt.Sprintf("user%d", i))
	}
	if bans := g.Bans(); len(bans) != 0 {
		t.Errorf("banned are %+v", bans)
	}
	for range 11 {
		mallory.guess(x, "alice")
	}
	if bans := g.Bans(); len(bans) != 1 || bans[0].Of != "user" {
		t.Errorf("banned are %+v", bans)
	}
}

// TestUnknownUsersAreAnsweredAsKnownOnes: what says that a user exists would be half of
// a guess.
func TestUnknownUsersAreAnsweredAsKnownOnes(t *testing.T) {
	t.Parallel()
	_, _, guarded := guarding(t, &users{})
	x := startProxy(t, guarded, func(o *proxyOptions) { o.config.UDPLoops = 1 })
	answers := map[string][]string{}
	for _, user := range []string{"alice", "nobody"} {
		p := newPhone(t, user)
		for range 12 {
			_, r := p.guess(x, user)
			what := "nothing"
			if r != nil {
				what = fmt.Sprint(r.StatusCode(), string(r.Reason()), len(r.values(wire.HeaderWWWAuthenticate)))
			}
			answers[user] = append(answers[user], what)
		}
	}
	if a, b := fmt.Sprint(answers["alice"]), fmt.Sprint(answers["nobody"]); a != b {
		t.Errorf("a user who exists is answered\n%s\nand one who does not\n%s", a, b)
	}
}
