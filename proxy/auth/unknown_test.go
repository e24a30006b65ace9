package auth

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/routing"
)

// counted is a source with one user, whose password is never the right one, or none. It
// counts what it is asked.
type counted struct {
	user        bool // there is one
	credential  credentials.Credential
	cold        bool // nothing is known before Ask
	doubt       bool // nobody has asked for long
	looks, asks int
}

func (s *counted) Look(_ int64, _ *credentials.Query, c *credentials.Credential) credentials.Answer {
	s.looks++
	switch {
	case s.cold:
		return credentials.Ask
	case !s.user:
		return credentials.Unknown
	}
	*c = s.credential
	c.Doubt = s.doubt
	return credentials.Found
}

func (s *counted) Ask(_ *credentials.Query, done func()) {
	s.asks++
	s.cold, s.doubt = false, false
	done()
}

func (s *counted) Close() error { return nil }

// costs are what a try is answered, and what that takes.
type costs struct {
	Status       int
	Reason, Why  string
	Extra        string // without nonces, which are chance
	Looks, Asks  int
	Hashes       uint64
	Failed, Late uint64
}

var nonceValue = regexp.MustCompile(`nonce="[^"]*"`)

// try is what so many tries with a wrong password come to, one after the other.
func (s *counted) try(t *testing.T, algorithm digest.Algorithm, tries int) (all []costs) {
	t.Helper()
	r := newRig(t)
	c := &config.Config{Cluster: "test", Domains: []string{"example.com"}, Authentication: &config.Authentication{
		Credentials: config.Credentials{Files: []string{"unused"}},
		Domains:     []config.DomainAuthentication{{Domain: "example.com", Realm: "ours"}},
	}}
	c.ApplyDefaults()
	if err := r.gate.Configure(c, s); err != nil {
		t.Fatal(err)
	}
	var attempts []*attempt
	r.gate.attempts.New = func() any {
		attempts = append(attempts, newAttempt(r.gate))
		return attempts[len(attempts)-1]
	}
	for range tries {
		var d routing.Decision
		d.Done = func() {}
		r.decide(scan(register(r.proof(algorithm))), &d)
		one := costs{Status: d.Status, Reason: d.Reason, Why: d.Why, Extra: nonceValue.ReplaceAllString(string(d.Extra), "nonce"), Looks: s.looks, Asks: s.asks}
		for _, a := range attempts {
			one.Hashes += a.verifier.Hashes()
		}
		one.Failed, one.Late = r.gate.metrics.results[resultFailed].Load(), r.gate.metrics.results[resultLate].Load()
		all = append(all, one)
	}
	return all
}

// TestUnknownUsersCostTheSame: a user who does not exist, one whose password is wrong and
// one who has no hash of the algorithm are answered alike, after as many questions to the
// source and as many hashes. It counts, as times say little on a busy machine.
func TestUnknownUsersCostTheSame(t *testing.T) {
	md5, sha256 := credentials.Credential{HasMD5: true, MD5: [16]byte{1}}, credentials.Credential{HasSHA256: true, SHA256: [32]byte{1}}
	both := credentials.Credential{HasMD5: true, MD5: [16]byte{1}, HasSHA256: true, SHA256: [32]byte{1}}
	for algorithm, hashes := range map[digest.Algorithm]uint64{digest.MD5: 1, digest.SHA256: 1, digest.MD5Sess: 2, digest.SHA256Sess: 2} {
		for _, cold := range []bool{false, true} {
			want := (&counted{cold: cold}).try(t, algorithm, promptFailures+2)
			first, hashes := want[0], hashes
			if cold {
				hashes *= 2 // before the source is asked, and after
			}
			if first.Status != 401 || first.Hashes != hashes || first.Looks == 0 || (first.Asks > 0) != cold {
				t.Errorf("%s, cold %v: an unknown user is answered %+v, want 401 after %d hashes", algorithm, cold, first, hashes)
			}
			for name, c := range map[string]credentials.Credential{"both": both, "MD5 alone": md5, "SHA-256 alone": sha256} {
				for kind, source := range map[string]*counted{
					"nobody looked for":   {user: true, credential: c, cold: cold},
					"that phones refresh": {user: true, credential: c, doubt: cold},
				} {
					if d := cmp.Diff(want, source.try(t, algorithm, promptFailures+2)); d != "" {
						t.Errorf("%s, cold %v: a user with hashes of %s %s (+) costs other than an unknown one (-):\n%s", algorithm, cold, name, kind, d)
					}
				}
			}
		}
	}
}
