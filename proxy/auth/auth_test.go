package auth

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// secrets are a source of one user, alice, whose hashes are all zero.
type secrets struct{}

func (secrets) Look(_ int64, q *credentials.Query, c *credentials.Credential) credentials.Answer {
	if string(q.Username) != "alice" {
		return credentials.Unknown
	}
	*c = credentials.Credential{HasMD5: true, HasSHA256: true}
	return credentials.Found
}

func (secrets) Ask(_ *credentials.Query, done func()) { done() }

func (secrets) Close() error { return nil }

// rig asks a gate about requests.
type rig struct {
	gate   *Gate
	keys   *digest.Keys
	tables *routing.Tables
	now    int64
}

const unix = 1_800_000_000_000

func newRig(t testing.TB, rules ...func(*config.Authentication)) *rig {
	t.Helper()
	tokens, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{1}}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{}
	if r.keys, err = digest.NewKeys([]digest.Key{{ID: 1, Secret: [32]byte{2}}}); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Cluster: "test", Domains: []string{"example.com", "example.org", "example.net"}, Aliases: []string{"alias.example:5080"}, Authentication: &config.Authentication{
		Credentials: config.Credentials{Files: []string{"unused"}},
		Domains:     []config.DomainAuthentication{{Domain: "example.com", Realm: "ours"}, {Domain: "example.org", Realm: "ours"}},
	}}
	for _, f := range rules {
		f(c.Authentication)
	}
	c.ApplyDefaults()
	r.gate = New(Config{Keys: r.keys})
	if err := r.gate.Configure(c, secrets{}); err != nil {
		t.Fatal(err)
	}
	if r.tables, err = routing.NewTables(c, nil, netip.MustParseAddrPort("192.0.2.1:5060"), tokens, r.gate.Checks()); err != nil {
		t.Fatal(err)
	}
	return r
}

// scan returns nil for what is no message.
func scan(text string) *wire.Message {
	m := &wire.Message{}
	if m.Scan([]byte(text), nil) != nil || m.Validate() != nil {
		return nil
	}
	return m
}

// decide has the request come now.
func (r *rig) decide(m *wire.Message, d *routing.Decision) {
	r.now++
	d.From, d.Hour, d.Now, d.Unix = flow.OverUDP(netip.MustParseAddrPort("198.51.100.1:5060")), 1, r.now, unix+r.now
	r.tables.Decide(m, d)
}

func register(lines string) string {
	return "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKa\r\nFrom: <sip:alice@example.com>;tag=a\r\nTo: <sip:alice@example.com>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n" + lines + "\r\n"
}

// proof is alice's answer to a challenge of now.
func (r *rig) proof(algorithm digest.Algorithm) string {
	return r.proofOf("REGISTER", algorithm, "sip:example.com")
}

// proofOf is that of a method, with a uri parameter.
func (r *rig) proofOf(method string, algorithm digest.Algorithm, uri string) string {
	id := digest.NonceID(unix+r.now, mark([]byte("sip:alice@example.com"))<<chanceBits)
	c := digest.Challenge{Realm: []byte("ours"), Nonce: r.keys.AppendNonce(nil, id, []byte("ours"), netip.Addr{}), Algorithm: algorithm, QOP: digest.QOPAuth}
	return string(digest.AppendAuthorization(nil, &c, &digest.Proof{
		Username: []byte("alice"), HA1: make([]byte, algorithm.Size()), Method: []byte(method), URI: []byte(uri), CNonce: []byte("c"), Count: 1,
	}))
}

// FuzzCredentials: whatever stands in their place, nobody is let in who does not prove to
// be alice, and what proves it has a nonce that was made here.
func FuzzCredentials(f *testing.F) {
	r := newRig(f)
	for _, a := range []digest.Algorithm{digest.MD5, digest.SHA256, digest.MD5Sess, digest.SHA256Sess} {
		f.Add([]byte(strings.TrimPrefix(r.proof(a), "Authorization: ")))
	}
	f.Add([]byte(`Digest username="al\ice", realm="ours", nonce="", uri="sip:example.com", response=""`))
	f.Fuzz(func(t *testing.T, value []byte) {
		m := scan(register("Authorization: " + string(value) + "\r\n"))
		if m == nil || bytes.ContainsAny(value, "\r\n") {
			t.Skip("it is no one header field of a message that is let in so far")
		}
		var d routing.Decision
		r.decide(m, &d)
		switch {
		case d.Action == routing.Register:
			var p digest.Response
			at, _ := m.Get(wire.HeaderAuthorization)
			if err := digest.Parse(at, &p); err != nil || string(p.AppendUsername(nil)) != "alice" || string(p.AppendRealm(nil)) != "ours" || d.Proof.Nonce == 0 || d.Proof.Count != p.Count || !d.Authenticated {
				t.Fatalf("let in: %+v\n%s", d.Sender, value)
			}
		case d.Action == routing.Drop:
		case d.Status != 400 && d.Status != 401 && d.Status != 403:
			t.Fatalf("%d %s", d.Status, d.Reason)
		}
	})
}

// TestProofsThatAreNotOffered: of an algorithm that is turned off, and for another source
// where nonces are bound to theirs.
func TestProofsThatAreNotOffered(t *testing.T) {
	only := func(names ...string) func(*config.Authentication) {
		return func(a *config.Authentication) { a.Digest.Algorithms = names }
	}
	for name, tt := range map[string]struct {
		rules     func(*config.Authentication)
		algorithm digest.Algorithm
		want      routing.Action
	}{
		"both":                     {only(), digest.MD5, routing.Register},
		"MD5 is off":               {only("SHA-256"), digest.MD5, routing.Reject},
		"MD5-sess is off":          {only("SHA-256"), digest.MD5Sess, routing.Reject},
		"MD5 is off, not SHA-256":  {only("SHA-256"), digest.SHA256Sess, routing.Register},
		"SHA-256 is off":           {only("MD5"), digest.SHA256, routing.Reject},
		"bound to another address": {func(a *config.Authentication) { a.Digest.BindSource = true }, digest.MD5, routing.Reject},
	} {
		r := newRig(t, tt.rules)
		var d routing.Decision
		r.decide(scan(register(r.proof(tt.algorithm))), &d)
		if d.Action != tt.want || d.Action == routing.Reject && (d.Status != 401 || bytes.Contains(d.Extra, []byte("stale"))) {
			t.Errorf("%s: %s %d\n%s", name, d.Action, d.Status, d.Extra)
		}
	}
	r := newRig(t, func(a *config.Authentication) { a.Digest.BindSource = true })
	var d routing.Decision
	r.decide(scan(register("")), &d)
	line, _, _ := strings.Cut(string(d.Extra[bytes.LastIndex(d.Extra[:len(d.Extra)-2], []byte("\n"))+1:]), "\r\n")
	var c digest.Challenge
	if err := digest.ParseChallenge([]byte(strings.TrimPrefix(line, "WWW-Authenticate: ")), &c); err != nil {
		t.Fatal(err)
	}
	proof := digest.AppendAuthorization(nil, &c, &digest.Proof{Username: []byte("alice"), HA1: make([]byte, c.Algorithm.Size()), Method: []byte("REGISTER"), URI: []byte("sip:example.com"), CNonce: []byte("c"), Count: 1})
	if r.decide(scan(register(string(proof))), &d); d.Action != routing.Register {
		t.Errorf("bound to its address: %s %d", d.Action, d.Status)
	}
}

// TestRegistrarByAnyName: credentials of a REGISTER may name the cluster as they like, as
// phones write the address that they send to; those of other requests name their target.
func TestRegistrarByAnyName(t *testing.T) {
	r := newRig(t)
	for uri, want := range map[string]routing.Action{ // of "REGISTER sip:example.com"
		"sip:example.com":                        routing.Register,
		"sip:192.0.2.1:5060":                     routing.Register, // this member's
		"sip:192.0.2.1":                          routing.Register,
		"sip:alice@192.0.2.1:5060":               routing.Register,
		"sip:192.0.2.1:5060;transport=udp":       routing.Register,
		"sip:[::ffff:192.0.2.1]:5060":            routing.Register,
		"sip:alias.example:5080":                 routing.Register,
		"sip:ALIAS.example.:5080":                routing.Register,
		"sip:example.net:5060":                   routing.Register,
		"sips:192.0.2.1:5060":                    routing.Register,
		"sip:192.0.2.1:5070":                     routing.Reject,
		"sip:alias.example:5090":                 routing.Reject,
		"sip:192.0.2.2:5060":                     routing.Reject,
		"sip:elsewhere.example":                  routing.Reject,
		"sip:alice@elsewhere.example":            routing.Reject,
		"sip:192.0.2.1;maddr=203.0.113.9":        routing.Reject,
		"sip:192.0.2.1?Replaces=x":               routing.Reject,
		"tel:+12015550123":                       routing.Reject,
		"http://192.0.2.1:5060/":                 routing.Reject,
		"192.0.2.1:5060":                         routing.Reject,
		"<sip:192.0.2.1:5060>":                   routing.Reject,
		"sip:192.0.2.1:5060, sip:192.0.2.1":      routing.Reject,
		"sip:" + strings.Repeat("a", 3000):       routing.Reject,
		strings.Repeat("sip:192.0.2.1:5060 ", 9): routing.Reject,
	} {
		var d routing.Decision
		if r.decide(scan(register(r.proofOf("REGISTER", digest.MD5, uri))), &d); d.Action != want || want == routing.Reject && d.Why != "digest_uri" {
			t.Errorf("uri=%q: %s %d %s, want %s", uri, d.Action, d.Status, d.Why, want)
		}
	}
	for uri, want := range map[string]string{"sip:bob@example.com": "aor", "sip:192.0.2.1:5060": "digest_uri", "sip:alias.example:5080": "digest_uri"} {
		line := strings.Replace(r.proofOf("INVITE", digest.MD5, uri), "Auth", "Proxy-Auth", 1)
		text := strings.Replace(strings.ReplaceAll(register(line), "REGISTER", "INVITE"), "sip:example.com", "sip:bob@example.com", 1)
		var d routing.Decision
		if r.decide(scan(text), &d); d.Why != want {
			t.Errorf("INVITE, uri=%q: %s %d %s, want %s", uri, d.Action, d.Status, d.Why, want)
		}
	}
}

func TestWhoseAnAddressIs(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]string{ // of alice, by user name and realm: those that are theirs
		"alice / ours":                        "sip:alice@example.com sip:alice@example.org",
		"alice@example.com / ours":            "sip:alice@example.com",
		"alice@EXAMPLE.org. / ours":           "sip:alice@example.org",
		"alice@example.net / ours":            "",
		"alice@elsewhere.example / ours":      "",
		"alice / example.net":                 "sip:alice@example.net",
		"Alice / ours":                        "",
		"alic / ours":                         "",
		"alicee / ours":                       "",
		" / ours":                             "",
		"a%6Cice / ours":                      "",
		"sip:alice@example.com / ours":        "",
		"alice@example.com@example / ours":    "",
		"@example.com / ours":                 "",
		"alice;x=@example.com / ours":         "",
		"alice@example.com:5070 / ours":       "",
		"alice@[::1] / ours":                  "",
		strings.Repeat("a", 4000) + " / ours": "",
	} {
		username, realm, _ := strings.Cut(name, " / ")
		a := newAttempt(r.gate)
		a.rules, a.username, a.domain = r.gate.rules.Load(), []byte(username), &domain{realm: []byte(realm)}
		var got []string
		for _, aor := range []string{
			"sip:alice@example.com", "sip:alice@example.org", "sip:alice@example.net", "sip:bob@example.com", "sip:alice@example.com:5070", "sip:alice%40example.com@example.com",
			"sip:alice@example.com@example.com", "sip:@example.com", "sip:example.com",
		} {
			if a.owns([]byte(aor)) {
				got = append(got, aor)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
}

// TestUserOfAName: a name is that of the user part that it makes, and of no other.
func TestUserOfAName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, other := rapid.SliceOf(rapid.Byte()).Draw(t, "name"), rapid.SliceOf(rapid.Byte()).Draw(t, "other")
		user := func(name []byte) []byte {
			escaped := strings.ReplaceAll(string(name), "%", "%25")
			u, _ := splitAOR(wire.CanonicalAOR(nil, wire.URI{Scheme: wire.SchemeSIP, User: []byte(escaped), Host: []byte("h")}))
			return u
		}
		if len(name) > 0 && !isUser(user(name), name) {
			t.Fatalf("%q is not %q", user(name), name)
		}
		if string(name) != string(other) && isUser(user(name), other) {
			t.Fatalf("%q is taken for %q", user(name), other)
		}
	})
}

// TestMemory: what is remembered is found until its time, and what was forgotten is not;
// never more places than there are.
func TestMemory(t *testing.T) {
	m := newMemory(64)
	for i := range uint64(1000) {
		m.add(i*0x9e3779b97f4a7c15, int64(i)*1000)
	}
	found := 0
	for i := range uint64(1000) {
		if m.has(i*0x9e3779b97f4a7c15, 500_000) {
			found++
			if i < 499 {
				t.Errorf("%d is remembered", i)
			}
		}
	}
	if found < 40 || found > 64 {
		t.Errorf("%d are remembered in 64 places", found)
	}
	m.add(7<<40, 900_000)
	m.add(7<<40, 1_200_000)
	if !m.has(7<<40, 1_199_000) || m.has(7<<40, 1_201_001) {
		t.Error("what is added again holds for another time")
	}
}

// TestNoncesOfOneAddressDiffer: also those of one millisecond, until somebody asks for
// thousands a second.
func TestNoncesOfOneAddressDiffer(t *testing.T) {
	var is issued
	seen := map[int64]bool{}
	for range 1000 {
		at := is.next(5, unix)
		if seen[at] || at > unix+maxAhead {
			t.Fatalf("%d ms ahead", at-unix)
		}
		seen[at] = true
	}
	for range 10_000 {
		is.next(5, unix)
	}
	if at := is.next(5, unix); at > unix+maxAhead {
		t.Errorf("%d ms ahead", at-unix)
	}
}

// TestFailuresAreForgotten: who has waited is answered at once again, and a ban ends.
func TestFailuresAreForgotten(t *testing.T) {
	f := newFailures()
	t0 := f.trier([]byte("alice"), []byte("ours"), netip.MustParseAddrPort("198.51.100.1:5060"))
	fails := func(now int64, n int) (answered int, begins ban) {
		for i := range n {
			ok, b := f.isAnswered(t0, uint64(now)<<8|uint64(i)+1, now)
			if ok {
				answered++
			}
			begins = max(begins, b)
		}
		return answered, begins
	}
	if n, b := fails(0, 10); n != promptFailures || b != banNone || !f.mayTry(t0, 0) {
		t.Errorf("%d of 10 are answered, %s is banned", n, banNames[b])
	}
	if _, b := fails(1, 1); b != banUser || f.mayTry(t0, 1) || f.mayTry(t0, banTime-1000) {
		t.Errorf("%s is banned by the 11th", banNames[b])
	}
	beside, tried := f.trier([]byte("alice"), []byte("ours"), netip.MustParseAddrPort("198.51.100.1:5062")), 0
	for now := range int64(60) {
		if f.mayTry(beside, 1000*now) {
			tried++
		}
	}
	if tried < 10 || tried > 13 {
		t.Errorf("from another port %d are tried in a minute", tried)
	}
	later := int64(banTime + 2000)
	if n, b := fails(later, 1); n != 1 || b != banNone || !f.mayTry(t0, later) {
		t.Errorf("after a ban %d is answered, %s is banned", n, banNames[b])
	}
}

// TestBanAndWhereOneIsBound: of who is banned, and of whom nothing is tried any more, only the
// user who is registered at that very address and port is looked at, and not once the
// password was wrong from there.
func TestBanAndWhereOneIsBound(t *testing.T) {
	for _, of := range []string{"user", "source"} {
		for name, tt := range map[string]struct {
			bound  routing.Bound
			missed bool
			want   routing.Action
		}{
			"here":               {routing.BoundHere, false, routing.Register},
			"here, after a miss": {routing.BoundHere, true, routing.Drop},
			"beside":             {routing.BoundBeside, false, routing.Drop},
			"elsewhere":          {routing.BoundElsewhere, false, routing.Drop},
			"nobody can tell":    {routing.BoundUnknown, false, routing.Drop},
		} {
			r := newRig(t)
			f := r.gate.failures
			who := f.trier([]byte("alice"), []byte("ours"), netip.MustParseAddrPort("198.51.100.1:5060"))
			if of == "user" {
				f.banned.add(who.user, banTime)
			} else {
				f.banned.add(who.here, banTime)
			}
			if tt.missed {
				f.missed.add(who.there, banTime)
			}
			for f.mayTry(who, r.now) { // uses up what is tried all the same
			}
			asked := 0
			d := routing.Decision{Find: func(aor []byte, then func(routing.Bound)) {
				if asked++; string(aor) != "sip:alice@example.com" {
					t.Errorf("%q is looked up", aor)
				}
				then(tt.bound)
			}, Done: func() {}}
			if r.decide(scan(register(r.proof(digest.MD5))), &d); d.Action != tt.want || asked > 1 || tt.missed && asked > 0 {
				t.Errorf("%s is banned, bound %s: %s %d, %d lookups", of, name, d.Action, d.Status, asked)
			}
		}
	}
}

func TestBansAreBounded(t *testing.T) {
	var b bans
	now := time.Unix(unix/1000, 0)
	for i := range 3 * maxBans {
		b.add(banUser, netip.MustParseAddr("192.0.2.1"), fmt.Sprint(i), now)
	}
	list := b.current(now)
	if len(list) != maxBans || list[maxBans-1].User != fmt.Sprint(3*maxBans-1) {
		t.Errorf("%d are listed, the last is %+v", len(list), list[len(list)-1])
	}
	if list = b.current(now.Add(banTime * time.Millisecond)); len(list) != 0 {
		t.Errorf("%d are listed after their time", len(list))
	}
}

// TestNothingAllocates for a user who is known, let in or not.
func TestNothingAllocates(t *testing.T) {
	r := newRig(t)
	outside := strings.NewReplacer("REGISTER", "OPTIONS", "sip:example.com SIP", "sip:bob@example.com SIP", "From: <sip:alice@example.com>", "From: <sip:eve@example.edu>").Replace(register(""))
	call := strings.NewReplacer("REGISTER", "OPTIONS", "sip:example.com SIP", "sip:bob@example.com SIP").Replace(register("Proxy-" + r.proofOf("OPTIONS", digest.SHA256, "sip:bob@example.com")))
	for name, text := range map[string]string{"let in": register(r.proof(digest.SHA256)), "asked": register(""), "refused": outside, "a call let in": call} {
		m := scan(text)
		var d routing.Decision
		least := 1.0
		for range 20 { // the pool loses what it has now and then
			least = min(least, testing.AllocsPerRun(200, func() { r.decide(m, &d) }))
		}
		if name == "a call let in" && (d.Action != routing.Lookup || !strings.HasPrefix(string(d.Account), "sip:alice@example.com:") || d.Copy == 0) {
			t.Errorf("it is not: %s %d %s", d.Action, d.Status, d.Why)
		}
		if least != 0 && !raceDetector {
			t.Errorf("%s: %v allocations", name, least)
		}
	}
}
