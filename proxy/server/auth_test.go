package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/auth"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/wire"
)

// users are a source of credentials: every user but nobody has their own name for
// password, in every realm.
type users struct {
	mu      sync.Mutex
	aors    map[string][]string
	away    bool     // of whom nothing is known yet it cannot say
	asks    []func() // with slow: who waits
	slow    bool
	answers map[string]bool
}

func (u *users) Look(_ int64, q *credentials.Query, c *credentials.Credential) credentials.Answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	name, _, _ := strings.Cut(string(q.Username), "@")
	switch {
	case u.slow && !u.answers[name]:
		return credentials.Ask
	case u.away:
		return credentials.Unavailable
	case name == "nobody" || strings.ContainsAny(name, "'\x00"):
		return credentials.Unknown
	}
	*c = credentials.Credential{HasMD5: true, HasSHA256: true, AORs: u.aors[name]}
	copy(c.MD5[:], digest.HA1(digest.MD5, q.Username, q.Realm, []byte(name)))
	copy(c.SHA256[:], digest.HA1(digest.SHA256, q.Username, q.Realm, []byte(name)))
	return credentials.Found
}

func (u *users) Ask(q *credentials.Query, done func()) {
	name, _, _ := strings.Cut(string(q.Username), "@")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asks = append(u.asks, func() {
		u.mu.Lock()
		u.answers[name] = true
		u.mu.Unlock()
		done()
	})
}

func (u *users) Close() error { return nil }

// guard has the proxy ask who registers and calls, by the rules of a configuration.
func guard(t testing.TB, u *users, rules func(*config.Authentication)) func(*proxyOptions) {
	t.Helper()
	keys, err := digest.NewKeys([]digest.Key{{ID: 1, Secret: [32]byte{9}}})
	if err != nil {
		t.Fatal(err)
	}
	return guardBy(t, keys, u, rules)
}

// guardBy is guard by a member that makes its nonces with those keys.
func guardBy(t testing.TB, keys *digest.Keys, u *users, rules func(*config.Authentication)) func(*proxyOptions) {
	t.Helper()
	return func(o *proxyOptions) {
		a := &config.Authentication{Credentials: config.Credentials{Files: []string{"unused"}}}
		if rules != nil {
			rules(a)
		}
		a.Trusted = slices.Clone(a.Trusted) // of tests that run side by side, and defaults are written into it
		o.config.Authentication = a
		o.config.ApplyDefaults()
		if err := o.config.Validate(); err != nil {
			t.Fatal(err)
		}
		g := auth.New(auth.Config{Keys: keys})
		if err := g.Configure(&o.config, u); err != nil {
			t.Fatal(err)
		}
		o.checks = g.Checks()
	}
}

// account is what a phone knows of itself.
type account struct {
	username, password string
	algorithm          digest.Algorithm
	count              uint32
}

// proof is the header line that answers a challenge.
func (a *account) proof(t testing.TB, challenge *received, method, uri string) string {
	t.Helper()
	header, proxy := wire.HeaderWWWAuthenticate, challenge.StatusCode() == 407
	if proxy {
		header = wire.HeaderProxyAuthenticate
	}
	a.count++
	for _, v := range challenge.values(header) {
		var c digest.Challenge
		if err := digest.ParseChallenge([]byte(v), &c); err != nil {
			t.Fatalf("%v of %s", err, v)
		}
		if c.Algorithm == a.algorithm.Base() {
			c.Algorithm = a.algorithm
			line := digest.AppendAuthorization(nil, &c, &digest.Proof{
				Proxy: proxy, Username: []byte(a.username), HA1: digest.HA1(c.Algorithm.Base(), []byte(a.username), c.Realm, []byte(a.password)),
				Method: []byte(method), URI: []byte(uri), CNonce: []byte("0a4f113b"), Count: a.count,
			})
			return strings.TrimSuffix(string(line), "\r\n")
		}
	}
	t.Fatalf("no challenge by %s:\n%s", a.algorithm, challenge.Raw)
	return ""
}

// account of the phone's user, whose password is its name.
func (p *phone) account() *account { return &account{username: p.user, password: p.user} }

// registerAs binds the phone's contact with credentials.
func (p *phone) registerAs(x *proxy, a *account) *received {
	p.t.Helper()
	callID := unique("reg")
	contact := []string{"Contact: <" + p.contact() + ">", "Expires: 300"}
	p.sendRaw(x.addr, p.registerText(callID, 1, contact...))
	challenge := p.status(401)
	p.sendRaw(x.addr, p.registerText(callID, 2, append(contact, a.proof(p.t, challenge, "REGISTER", "sip:example.com"))...))
	r := p.receive(patience)
	if r == nil {
		p.t.Fatal("no answer to the credentials")
	}
	return r
}

func TestRFC3261_22_2_RegistrarAsksForCredentials(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{aors: map[string][]string{"alice": {"sip:sales@example.com", "tel:+12015550123", "tel:7;phone-context=example.com"}}}, nil))
	for name, tt := range map[string]struct {
		user string // of To and contact
		a    account
		want int
	}{
		"SHA-256":                              {"alice", account{username: "alice", password: "alice", algorithm: digest.SHA256}, 200},
		"MD5":                                  {"alice", account{username: "alice", password: "alice"}, 200},
		"SHA-256-sess":                         {"alice", account{username: "alice", password: "alice", algorithm: digest.SHA256Sess}, 200},
		"MD5-sess":                             {"alice", account{username: "alice", password: "alice", algorithm: digest.MD5Sess}, 200},
		"a user name with a domain":            {"alice", account{username: "alice@Example.com", password: "alice"}, 200},
		"another domain":                       {"alice", account{username: "alice@example.net", password: "alice"}, 403},
		"a further address":                    {"sales", account{username: "alice", password: "alice"}, 200},
		"a number":                             {"+12015550123", account{username: "alice", password: "alice"}, 200},
		"a number of the domain":               {"7", account{username: "alice", password: "alice"}, 200},
		"another number":                       {"+12015550124", account{username: "alice", password: "alice"}, 403},
		"another user's":                       {"bob", account{username: "alice", password: "alice"}, 403},
		"a wrong password":                     {"alice", account{username: "alice", password: "bob"}, 401},
		"a wrong password, SHA-256":            {"alice", account{username: "alice", password: "bob", algorithm: digest.SHA256}, 401},
		"nobody":                               {"alice", account{username: "nobody", password: "nobody"}, 401},
		"a user name that nobody can have":     {"alice", account{username: "x' OR ''='", password: "x"}, 401},
		"a user name of UTF-8":                 {"%C3%A4", account{username: "ä", password: "ä"}, 200},
		"a user name with quote and backslash": {"a%22b%5Cc", account{username: `a"b\c`, password: `a"b\c`}, 200},
	} {
		p := newPhone(t, tt.user)
		if r := p.registerAs(x, &tt.a); r.StatusCode() != tt.want {
			t.Errorf("%s: %d %s, want %d", name, r.StatusCode(), r.Reason(), tt.want)
		}
	}
}

func TestChallengeNamesWhatIsOffered(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rules func(*config.Authentication)
		want  []string
	}{
		"both": {nil, []string{`realm="example.com", qop="auth", algorithm=SHA-256`, `realm="example.com", qop="auth", algorithm=MD5`}},
		"MD5 alone, of another realm": {func(a *config.Authentication) {
			a.Digest.Algorithms, a.Domains = []string{"MD5"}, []config.DomainAuthentication{{Domain: "EXAMPLE.com", Realm: "the realm"}}
		}, []string{`realm="the realm", qop="auth", algorithm=MD5`}},
	} {
		x := startProxy(t, guard(t, &users{}, tt.rules))
		p := newPhone(t, "alice")
		p.sendRaw(x.addr, p.registerText("c", 1, "Contact: <"+p.contact()+">", "Expires: 300"))
		var got []string
		for _, v := range p.status(401).values(wire.HeaderWWWAuthenticate) {
			before, _, _ := strings.Cut(strings.TrimPrefix(v, "Digest "), ", nonce=")
			got = append(got, before)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestCredentialsThatAreNone: what an attacker makes up is answered with a challenge, or
// 400, and the next request is taken as if nothing had been.
func TestCredentialsThatAreNone(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, nil))
	p := newPhone(t, "alice")
	p.sendRaw(x.addr, p.registerText("c", 1))
	good := p.account().proof(t, p.status(401), "REGISTER", "sip:example.com")
	nonce, _, _ := strings.Cut(good[strings.Index(good, `nonce="`)+len(`nonce="`):], `"`)
	foreign, err := digest.NewKeys([]digest.Key{{ID: 1, Secret: [32]byte{8}}})
	if err != nil {
		t.Fatal(err)
	}
	own, err := digest.NewKeys([]digest.Key{{ID: 1, Secret: [32]byte{9}}})
	if err != nil {
		t.Fatal(err)
	}
	made := func(k *digest.Keys, at time.Duration, realm string) string {
		id := digest.NonceID(time.Now().Add(at).UnixMilli(), 0)
		return string(k.AppendNonce(nil, id, []byte(realm), netip.Addr{}))
	}
	for name, tt := range map[string]struct {
		line  string
		want  int
		stale bool
	}{
		"of another cluster":        {strings.ReplaceAll(good, nonce, made(foreign, 0, "example.com")), 401, false},
		"of the future":             {strings.ReplaceAll(good, nonce, made(own, time.Hour, "example.com")), 401, true},
		"of a clock a minute ahead": {strings.ReplaceAll(good, nonce, made(own, time.Minute, "example.com")), 401, true},
		"of another realm":          {strings.ReplaceAll(good, nonce, made(own, 0, "example.org")), 401, false},
		"too old":                   {strings.ReplaceAll(good, nonce, made(own, -time.Hour, "example.com")), 401, true},
		"of another address":        {strings.ReplaceAll(good, nonce, made(own, 0, "example.com")), 401, true},
		"truncated":                 {strings.ReplaceAll(good, nonce, nonce[:20]), 401, false},
		"empty nonce":               {strings.ReplaceAll(good, nonce, ""), 401, false},
		"another realm":             {strings.Replace(good, "example.com", "example.org", 1), 401, false},
		"another scheme":            {"Authorization: Basic YWxpY2U6YWxpY2U=", 401, false},
		"an unknown algorithm":      {strings.Replace(good, "algorithm=MD5", "algorithm=SHA-512-256", 1), 401, false},
		"another uri":               {strings.Replace(good, `uri="sip:example.com"`, `uri="sip:example.org"`, 1), 400, false},
		"not parameters":            {"Authorization: Digest ,,=", 400, false},
		"a quote without an end":    {`Authorization: Digest username="alice`, 400, false},
		"twice the user name":       {good + `, username="bob"`, 400, false},
		"NUL in the user name":      {strings.Replace(good, `username="alice"`, "username=\"al\x00ice\"", 1), 400, false},
		"a long user name":          {strings.Replace(good, `username="alice"`, `username="`+strings.Repeat("a", 3000)+`"`, 1), 401, false},
		"5 KB":                      {`Authorization: Digest username="` + strings.Repeat("a", 5_000) + `"`, 400, false},
		"60 KB":                     {`Authorization: Digest username="` + strings.Repeat("a", 60_000) + `"`, 513, false},
		"60 header fields":          {strings.Repeat("Authorization: Digest username=\"a\r\n", 59) + "Authorization: Digest username=\"a", 400, false},
		"500 header fields":         {strings.Repeat("Authorization: Digest a=b\r\n", 499) + "Authorization: Digest a=b", 513, false},
	} {
		p.sendRaw(x.addr, p.registerText("c", 2, tt.line))
		r := p.receive(patience)
		if r == nil || r.StatusCode() != tt.want {
			t.Errorf("%s: %v, want %d", name, r, tt.want)
			continue
		}
		if stale := bytes.Contains(r.Raw, []byte("stale=true")); stale != tt.stale {
			t.Errorf("%s: stale %v, want %v\n%s", name, stale, tt.stale, r.Raw)
		}
	}
	p.sendRaw(x.addr, p.registerText("c", 3, good, strings.Replace(good, "example.com", "example.org", 1)))
	p.status(200)
}

// TestSourceOfCredentialsThatIsAway: neither a user nor a password is wrong then.
func TestSourceOfCredentialsThatIsAway(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{away: true}, nil))
	p := newPhone(t, "alice")
	seen := map[string]bool{}
	for range 8 {
		r := p.registerAs(x, p.account())
		if r.StatusCode() != 503 {
			t.Fatalf("%d %s", r.StatusCode(), r.Reason())
		}
		seen[r.value(wire.HeaderRetryAfter)] = true
	}
	if len(seen) < 2 || seen[""] {
		t.Errorf("Retry-After is always one of %v", seen)
	}
}

// TestRequestWaitsForItsCredentials: the loop goes on meanwhile.
func TestRequestWaitsForItsCredentials(t *testing.T) {
	t.Parallel()
	u := &users{slow: true, answers: map[string]bool{"bob": true}}
	x := startProxy(t, guard(t, u, nil), func(o *proxyOptions) { o.config.UDPLoops = 1 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	alice.sendRaw(x.addr, alice.registerText("c", 1))
	line := alice.account().proof(t, alice.status(401), "REGISTER", "sip:example.com")
	alice.sendRaw(x.addr, alice.registerText("c", 2, line))
	if r := bob.registerAs(x, bob.account()); r.StatusCode() != 200 {
		t.Fatalf("%d %s", r.StatusCode(), r.Reason())
	}
	alice.quiet(20 * time.Millisecond)
	u.mu.Lock()
	answer := u.asks[0]
	u.mu.Unlock()
	answer()
	alice.status(200)
}

// call has the phone call with credentials, and returns the answer to them and the dialog.
func (p *phone) call(x *proxy, a *account, aor string, extra ...string) *dialog {
	p.t.Helper()
	d := p.ring(x.addr, aor, extra...)
	challenge := p.status(407)
	d.ackFailure(challenge)
	return p.ring(x.addr, aor, append(extra, a.proof(p.t, challenge, "INVITE", aor))...)
}

func TestRFC3261_22_3_ProxyAsksForCredentials(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, nil))
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	d := alice.call(x, alice.account(), "sip:bob@example.com", "Proxy-Authorization: Digest username=\"a\", realm=\"elsewhere\", nonce=\"n\", uri=\"sip:b\", response=\"00000000000000000000000000000000\"",
		`Proxy-Authorization: Digest username="alice@example.com", realm="example.com", response="0123", algorithm=SHA-512-256`, "Authorization: Digest username=alice,realm=example.com",
		"P-Asserted-Identity: <sip:boss@example.com>", "P-Preferred-Identity: <sip:boss@example.com>", "remote-party-id: Boss <sip:boss@example.com>;party=calling")
	invite := bob.request("INVITE")
	if invite.Has(wire.HeaderAuthorization) {
		t.Errorf("credentials leave:\n%s", invite.Raw)
	}
	if got := invite.values(wire.HeaderProxyAuthorization); len(got) != 1 || !strings.Contains(got[0], "elsewhere") {
		t.Errorf("credentials that leave: %q", got)
	}
	if invite.Has(wire.HeaderPAssertedIdentity) || invite.Has(wire.HeaderPPreferredIdentity) || invite.Has(wire.HeaderRemotePartyID) {
		t.Errorf("an identity that nobody asserts leaves:\n%s", invite.Raw)
	}
	bob.reply(invite, 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))

	d = alice.call(x, &account{username: "bob", password: "bob"}, "sip:bob@example.com")
	d.ackFailure(alice.status(403))
	d = alice.call(x, &account{username: "alice", password: "bob"}, "sip:bob@example.com")
	d.ackFailure(alice.status(407))
	bob.quiet(20 * time.Millisecond)
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	any := []config.TrustedSource{{Prefix: "127.0.0.0/8", Identity: config.IdentityAny}}
	outside := []config.TrustedSource{{Prefix: "127.0.0.0/24"}}
	const reached = 180
	for name, tt := range map[string]struct {
		rules  func(*config.Authentication)
		method string
		from   string
		uri    string
		extra  []string
		want   int
	}{
		"a user":                                 {nil, "INVITE", "sip:alice@example.com", "", nil, 407},
		"a user, in another case":                {nil, "INVITE", "sips:alice@EXAMPLE.com.", "", nil, 407},
		"a number":                               {nil, "INVITE", "tel:+12015550123", "", nil, 407},
		"outside":                                {nil, "INVITE", "sip:eve@elsewhere.example", "", nil, 403},
		"outside, a message":                     {nil, "MESSAGE", "sip:eve@elsewhere.example", "", nil, 403},
		"outside, a subscription":                {nil, "SUBSCRIBE", "sip:eve@elsewhere.example", "", nil, 403},
		"outside, OPTIONS to a user":             {nil, "OPTIONS", "sip:eve@elsewhere.example", "", nil, 403},
		"outside, OPTIONS to the proxy":          {nil, "OPTIONS", "sip:eve@elsewhere.example", "sip:example.com", nil, 200},
		"outside, an INVITE to the proxy":        {nil, "INVITE", "sip:eve@elsewhere.example", "sip:example.com", nil, 405},
		"outside to outside":                     {nil, "INVITE", "sip:eve@elsewhere.example", "sip:x@192.0.2.1", nil, 403},
		"a user, to outside":                     {nil, "INVITE", "sip:alice@example.com", "sip:x@192.0.2.1", nil, 407},
		"privacy":                                {nil, "INVITE", "sip:anonymous@Anonymous.invalid", "", nil, 407},
		"a From that names nobody":               {nil, "INVITE", "sip:example.com", "", nil, 403},
		"outside is let in":                      {func(a *config.Authentication) { a.Outside = config.OutsideAllow }, "INVITE", "sip:eve@elsewhere.example", "", nil, reached},
		"outside is let in, a user is asked":     {func(a *config.Authentication) { a.Outside = config.OutsideAllow }, "INVITE", "sip:alice@example.com", "", nil, 407},
		"outside is let in, a domain is no name": {func(a *config.Authentication) { a.Outside = config.OutsideAllow }, "INVITE", "sip:example.com", "", nil, 403},
		"outside is let in, an empty name":       {func(a *config.Authentication) { a.Outside = config.OutsideAllow }, "INVITE", "sip:%00@example.com", "", nil, 407},
		"outside is asked, a domain is no name":  {func(a *config.Authentication) { a.Outside = config.OutsideChallenge }, "INVITE", "sip:example.com", "", nil, 403},
		"a Contact as From":                      {nil, "INVITE", "sip:alice@example.com;transport=udp;user=phone", "", nil, 407},
		"an escaped name":                        {nil, "INVITE", "sip:%61lice@example.com", "", nil, 407},
		"another port":                           {nil, "INVITE", "sip:alice@example.com:5070", "", nil, 407},
		"a number of a context here":             {nil, "INVITE", "tel:7;phone-context=example.com", "", nil, 407},
		"a number of no context":                 {nil, "INVITE", "tel:7", "", nil, 407},
		"outside is let in, to outside":          {func(a *config.Authentication) { a.Outside = config.OutsideAllow }, "INVITE", "sip:eve@elsewhere.example", "sip:example.org:5070", nil, 404},
		"outside is let in, with no name":        {func(a *config.Authentication) { a.Outside = config.OutsideAllow }, "INVITE", "sip:anonymous@anonymous.invalid", "", nil, reached},
		"outside is asked":                       {func(a *config.Authentication) { a.Outside = config.OutsideChallenge }, "INVITE", "sip:eve@elsewhere.example", "", nil, 407},
		"trusted":                                {func(a *config.Authentication) { a.Trusted = outside }, "INVITE", "sip:+1@trunk.example", "", nil, reached},
		"trusted, for a user":                    {func(a *config.Authentication) { a.Trusted = outside }, "INVITE", "sip:alice@example.com", "", nil, 403},
		"trusted, asserts a user": {
			func(a *config.Authentication) { a.Trusted = outside }, "INVITE", "sip:+1@trunk.example", "",
			[]string{"P-Asserted-Identity: <tel:+1>, <sip:alice@example.com>"},
			403,
		},
		"trusted, says to be a user": {
			func(a *config.Authentication) { a.Trusted = outside }, "INVITE", "sip:+1@trunk.example", "",
			[]string{"Remote-Party-ID: \"Boss\" <sip:alice@example.com>;party=calling"},
			403,
		},
		"trusted, a number":         {func(a *config.Authentication) { a.Trusted = outside }, "INVITE", "tel:+12015550123", "", nil, reached},
		"trusted for all":           {func(a *config.Authentication) { a.Trusted = any }, "INVITE", "sip:alice@example.com", "", nil, reached},
		"the longest prefix counts": {func(a *config.Authentication) { a.Trusted = slices.Concat(any, outside) }, "INVITE", "sip:alice@example.com", "", nil, 403},
		"a domain that is open": {func(a *config.Authentication) {
			a.Domains = []config.DomainAuthentication{{Domain: "example.com", Open: true}}
		}, "INVITE", "sip:alice@example.com", "", nil, reached},
		"outside, to one that is open": {func(a *config.Authentication) {
			a.Domains = []config.DomainAuthentication{{Domain: "example.com", Open: true}}
		}, "INVITE", "sip:eve@elsewhere.example", "", nil, reached},
		"all is open":          {func(a *config.Authentication) { *a = config.Authentication{Open: true} }, "INVITE", "sip:alice@example.com", "", nil, reached},
		"outside, all is open": {func(a *config.Authentication) { *a = config.Authentication{Open: true} }, "INVITE", "sip:eve@elsewhere.example", "", nil, reached},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := newMemory()
			bob, p := newPhone(t, "bob"), newPhone(t, "alice")
			bob.register(startProxy(t, func(o *proxyOptions) { o.mem = mem }))
			x := startProxy(t, guard(t, &users{}, tt.rules), func(o *proxyOptions) { o.mem, o.self = mem, 2 })
			uri := tt.uri
			if uri == "" {
				uri = "sip:bob@example.com"
			}
			p.sendRaw(x.addr, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=1\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <%s>\r\n%sContent-Length: 0\r\n\r\n",
				tt.method, uri, p.addr, unique("z9hG4bKw"), tt.from, uri, unique("w"), tt.method, p.contact(), lines(tt.extra)))
			if tt.want == reached {
				bob.reply(bob.request(tt.method), 180, "Ringing", "b")
			}
			p.status(tt.want)
			bob.quiet(5 * time.Millisecond)
		})
	}
}

// TestRFC7616_3_4_NonceCountIsUsedOnce: what somebody has seen binds nothing of theirs,
// at any member, and the phone goes on with the nonce it has.
func TestRFC7616_3_4_NonceCountIsUsedOnce(t *testing.T) {
	t.Parallel()
	mem, u := newMemory(), &users{aors: map[string][]string{"alice": {"sip:sales@example.com"}}}
	x := []*proxy{startMember(t, mem, 1, guard(t, u, nil)), startMember(t, mem, 2, guard(t, u, nil))}
	alice, mallory, sales := newPhone(t, "alice"), newPhone(t, "alice"), newPhone(t, "sales")
	contact := "Contact: <" + alice.contact() + ">"
	alice.sendRaw(x[0].addr, alice.registerText("c", 1, contact))
	challenge, a := alice.status(401), alice.account()
	first := a.proof(t, challenge, "REGISTER", "sip:example.com")
	alice.sendRaw(x[1].addr, alice.registerText("c", 2, contact, first))
	alice.status(200)
	for _, member := range x {
		for _, p := range []*phone{mallory, sales} { // for another contact, and for another address of alice's
			p.sendRaw(member.addr, p.registerText(unique("m"), 1, "Contact: <"+p.contact()+">", first))
			if r := p.status(401); !bytes.Contains(r.Raw, []byte("stale=true")) {
				t.Errorf("no new nonce is asked for:\n%s", r.Raw)
			}
		}
	}
	alice.sendRaw(x[0].addr, alice.registerText("c", 3, contact, a.proof(t, challenge, "REGISTER", "sip:example.com")))
	if got := alice.status(200).values(wire.HeaderContact); len(got) != 1 || !strings.Contains(got[0], alice.contact()) {
		t.Errorf("bound are %q", got)
	}
}

// TestRefusedRegisterUsesUpItsCredentials: they were right, and whoever has seen them
// would bind with them what was not bound.
func TestRefusedRegisterUsesUpItsCredentials(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, nil))
	for name, tt := range map[string]struct {
		line string
		want int
	}{
		"a contact elsewhere":      {"Contact: <sip:alice@192.0.2.1>", 403},
		"an extension":             {"Require: foo", 420},
		"a route":                  {"Route: <sip:192.0.2.1;lr>", 403},
		"a contact that is none":   {"Contact: <sip:>", 400},
		"a contact with no number": {"Contact: <sip:alice@127.0.0.1>;expires=0, *", 400},
		"a contact too long":       {"Contact: <sip:" + strings.Repeat("a", 1100) + "@127.0.0.1>", 400},
		"an instance too long":     {`Contact: <sip:alice@127.0.0.1>;+sip.instance="<` + strings.Repeat("i", 1100) + `>"`, 400},
		"a path too long":          {"Supported: path\r\nPath: <sip:" + strings.Repeat("p", 1100) + "@127.0.0.1;lr>", 400},
	} {
		alice, mallory := newPhone(t, "alice"), newPhone(t, "alice")
		alice.sendRaw(x.addr, alice.registerText("c", 1))
		proof := alice.account().proof(t, alice.status(401), "REGISTER", "sip:example.com")
		alice.sendRaw(x.addr, alice.registerText("c", 2, tt.line, proof))
		if r := alice.receive(patience); r == nil || r.StatusCode() != tt.want {
			t.Errorf("%s: %v, want %d", name, r, tt.want)
		}
		mallory.sendRaw(x.addr, mallory.registerText(unique("m"), 1, "Contact: <"+mallory.contact()+">", proof))
		if r := mallory.receive(patience); r == nil || r.StatusCode() != 401 {
			t.Errorf("%s: credentials are good again:\n%s", name, r.Raw)
		}
	}
}

// TestNobodyIsChallengedTwice: a phone that sends each request to a member by chance is
// asked once, as by one member alone, whichever of them dies.
func TestNobodyIsChallengedTwice(t *testing.T) {
	t.Parallel()
	mem, u := newMemory(), &users{}
	var x []*proxy
	for id := range uint32(3) {
		x = append(x, startMember(t, mem, id+1, guard(t, u, nil)))
	}
	for n := range 20 {
		p := newPhone(t, unique("alice"))
		a, challenges, proof := p.account(), 0, []string(nil)
		var challenge *received
		for i := range 20 {
			if n == 10 && i == 10 && len(x) == 3 {
				x[1].kill()
				x = []*proxy{x[0], x[2]}
			}
			member := x[rand.IntN(len(x))]
			for try := range 2 {
				if challenge != nil {
					proof = []string{a.proof(t, challenge, "REGISTER", "sip:example.com")}
				}
				p.sendRaw(member.addr, p.registerText("c", 2*i+try+1, append(proof, "Contact: <"+p.contact()+">", "Expires: 300")...))
				r := p.receive(patience)
				if r == nil {
					t.Fatal("no answer")
				}
				if r.StatusCode() == 200 {
					break
				}
				challenge, a.count = r, 0
				challenges++
			}
		}
		if challenges != 1 {
			t.Errorf("%s is challenged %d times", p.user, challenges)
		}
	}
}

// TestWithinADialog: what comes from where the dialog has its ends is let in, without
// credentials; from elsewhere only what ends it, and who proves to be that end.
func TestWithinADialog(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, nil))
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	caller := alice.call(x, alice.account(), "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	caller.answered(alice.status(200))
	caller.ack()
	bob.request("ACK")
	callee := bob.callee(invite, "b1")
	for _, end := range []struct {
		d        *dialog
		far      *phone
		from, at *phone
	}{{caller, bob, alice, newPhoneAt(t, "alice", "127.0.0.5:0")}, {callee, alice, bob, newPhoneAt(t, "bob", "127.0.0.6:0")}} {
		end.d.send("INFO")
		end.far.reply(end.far.request("INFO"), 200, "OK", "")
		end.from.status(200)

		end.d.p = end.at // it has moved, or is somebody else
		end.d.send("INVITE")
		challenge := end.at.status(407)
		end.far.quiet(20 * time.Millisecond)
		end.d.ackFailure(challenge)
		end.far.request("ACK") // has the tag of the far end, and leads nowhere there
		end.d.send("INFO", (&account{username: "mallory", password: "mallory"}).proof(t, challenge, "INFO", end.d.target))
		end.at.status(403)
		proof := end.from.account().proof(t, challenge, "INFO", end.d.target)
		end.d.send("INFO", proof)
		end.far.reply(end.far.request("INFO"), 200, "OK", "")
		end.at.status(200)
		end.d.send("INFO", proof) // as whoever has seen it might
		end.at.status(407)
		end.far.quiet(5 * time.Millisecond)
	}
	caller.send("BYE") // from elsewhere
	bob.reply(bob.request("BYE"), 200, "OK", "")
	caller.p.status(200)
}

// TestRFC3325_CallerIsNamed: by what was proved, to whom the caller lets it be told.
func TestRFC3325_CallerIsNamed(t *testing.T) {
	t.Parallel()
	assert := func(a *config.Authentication) { a.AssertIdentity = true }
	for name, tt := range map[string]struct {
		rules func(*config.Authentication)
		extra []string
		from  string // of the caller, if it is another
		want  []string
	}{
		"who calls":            {assert, []string{"P-Asserted-Identity: <sip:boss@example.com>"}, "", []string{"<sip:alice@example.com>"}},
		"nobody asked for it":  {nil, nil, "", nil},
		"privacy":              {assert, []string{"Privacy: user;ID"}, "", nil},
		"another privacy":      {assert, []string{"Privacy: none"}, "", []string{"<sip:alice@example.com>"}},
		"privacy, and no name": {assert, []string{"Privacy: id"}, "sip:anonymous@anonymous.invalid", nil},
		"no name alone":        {assert, nil, "sip:anonymous@anonymous.invalid", []string{"<sip:alice@example.com>"}},
		"to a trusted callee": {func(a *config.Authentication) {
			a.AssertIdentity, a.Trusted = true, []config.TrustedSource{{Prefix: "127.0.0.7/32", Identity: config.IdentityAny}}
		}, []string{"Privacy: id"}, "", []string{"<sip:alice@example.com>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := newMemory()
			alice, bob := newPhone(t, "alice"), newPhoneAt(t, "bob", "127.0.0.7:0")
			bob.register(startProxy(t, func(o *proxyOptions) { o.mem = mem }))
			x := startProxy(t, guard(t, &users{}, tt.rules), func(o *proxyOptions) { o.mem, o.self = mem, 2 })
			d := alice.ring(x.addr, "sip:bob@example.com")
			challenge := alice.status(407)
			d.ackFailure(challenge)
			d.cseq, d.callID, d.inviteBranch = 1, unique("call"), unique("z9hG4bKinv")
			if tt.from != "" {
				d.local = "<" + tt.from + ">;tag=1"
			}
			proof := alice.account().proof(t, challenge, "INVITE", "sip:bob@example.com")
			alice.sendRaw(x.addr, []byte(d.head("INVITE", "sip:bob@example.com", d.inviteBranch, 1)+lines(append(tt.extra, proof))+"Content-Length: 0\r\n\r\n"))
			invite := bob.request("INVITE")
			if diff := cmp.Diff(append([]string{}, tt.want...), invite.values(wire.HeaderPAssertedIdentity)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			bob.reply(invite, 486, "Busy Here", "b")
			d.ackFailure(alice.status(486))
		})
	}
}

// TestCallsOfAUser: of more than may be begun in a minute the INVITE is refused, each
// time that it comes; a retransmission of one that was let in is none.
func TestCallsOfAUser(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, func(a *config.Authentication) { a.Calls.PerMinute = 2 }))
	alice, carol, bob := newPhone(t, "alice"), newPhone(t, "carol"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	for range 2 {
		d := alice.call(x, alice.account(), "sip:bob@example.com")
		invite := bob.request("INVITE")
		alice.sendRaw(x.addr, []byte(d.lastInviteText))
		bob.reply(invite, 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
	d := alice.call(x, alice.account(), "sip:bob@example.com")
	final := alice.status(480)
	if got := final.value(wire.HeaderRetryAfter); got != "30" {
		t.Errorf("no Retry-After:\n%s", final.Raw)
	}
	alice.sendRaw(x.addr, []byte(d.lastInviteText))
	if again := alice.receive(patience); again == nil || again.StatusCode() != 480 {
		t.Errorf("%v", again)
	}
	d.ackFailure(final)
	tagged := bytes.Replace([]byte(d.lastInviteText), []byte("To: <sip:bob@example.com>"), []byte("To: <sip:bob@example.com>;tag=1"), 1) // says to be within a call
	alice.sendRaw(x.addr, bytes.ReplaceAll(tagged, []byte(d.callID), []byte(unique("call"))))
	alice.status(480)
	bob.quiet(20 * time.Millisecond)
	carol.call(x, carol.account(), "sip:bob@example.com")
	bob.request("INVITE")
}

// TestCallsBeingSetUp: of more than may be being set up at a time the INVITE is refused,
// each time that it comes, until one of the others is answered, refused or given up. What
// is not a user's own new call does not count.
func TestCallsBeingSetUp(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, func(a *config.Authentication) { a.Calls.InSetup = 2 }))
	alice, carol, bob := newPhone(t, "alice"), newPhone(t, "carol"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	var d [2]*dialog
	var invites [2]*received
	call := func(i int) {
		t.Helper()
		d[i] = alice.call(x, alice.account(), "sip:bob@example.com")
		invites[i] = bob.request("INVITE")
		bob.reply(invites[i], 180, "Ringing", "b")
		alice.status(180)
	}
	full := func(why string) {
		t.Helper()
		more := alice.call(x, alice.account(), "sip:bob@example.com")
		final := alice.status(480)
		if final.Has(wire.HeaderRetryAfter) || string(final.Reason()) != "Too Many Calls Being Set Up" {
			t.Errorf("%s:\n%s", why, final.Raw)
		}
		alice.sendRaw(x.addr, []byte(more.lastInviteText))
		if again := alice.receive(patience); again == nil || again.StatusCode() != 480 {
			t.Errorf("%s: again %v", why, again)
		}
		more.ackFailure(final)
		tagged := bytes.Replace([]byte(more.lastInviteText), []byte("To: <sip:bob@example.com>"), []byte("To: <sip:bob@example.com>;tag=1"), 1) // says to be within a call
		alice.sendRaw(x.addr, bytes.ReplaceAll(tagged, []byte(more.callID), []byte(unique("call"))))
		alice.status(480)
		bob.quiet(20 * time.Millisecond)
	}
	call(0)
	call(1)
	full("two ring")
	alice.sendRaw(x.addr, []byte(d[1].lastInviteText)) // the one that rings
	if again := alice.receive(patience); again == nil || again.StatusCode() != 180 {
		t.Errorf("again %v", again)
	}
	carol.call(x, carol.account(), "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	carol.status(486)

	bob.reply(invites[0], 200, "OK", "b", "Contact: <"+bob.contact()+">")
	answered := d[0]
	answered.answered(alice.status(200))
	answered.ack()
	bob.request("ACK")
	call(0)
	full("one is answered, two ring")
	answered.send("INVITE")
	bob.reply(bob.request("INVITE"), 200, "OK", "b", "Contact: <"+bob.contact()+">")
	alice.status(200)

	bob.reply(invites[1], 486, "Busy Here", "b")
	bob.request("ACK")
	d[1].ackFailure(alice.status(486))
	call(1)
	full("one was busy, two ring")

	d[0].cancel()
	alice.status(200)
	bob.request("CANCEL")
	bob.reply(invites[0], 487, "Request Terminated", "b")
	bob.request("ACK")
	d[0].ackFailure(alice.status(487))
	call(0)
	full("one was given up, two ring")
}

// TestReturnIsSpread: who is sent away at once does not come back so, where phones have
// to authenticate.
func TestReturnIsSpread(t *testing.T) {
	t.Parallel()
	for _, guarded := range []bool{false, true} {
		x := startProxy(t, func(o *proxyOptions) {
			if guarded {
				guard(t, &users{}, nil)(o)
			}
		})
		x.mem.mu.Lock()
		x.mem.down = true
		x.mem.mu.Unlock()
		seen := map[string]bool{}
		for range 20 {
			p := newPhone(t, "alice")
			a := p.account()
			var proof []string
			if guarded {
				p.sendRaw(x.addr, p.registerText("c", 1, "Contact: <"+p.contact()+">"))
				proof = []string{a.proof(t, p.status(401), "REGISTER", "sip:example.com")}
			}
			p.sendRaw(x.addr, p.registerText(unique("c"), 2, append(proof, "Contact: <"+p.contact()+">")...))
			seen[p.status(503).value(wire.HeaderRetryAfter)] = true
		}
		if guarded != (len(seen) > 5) || !guarded && !seen["5"] {
			t.Errorf("guarded %v: Retry-After is one of %v", guarded, seen)
		}
	}
}
