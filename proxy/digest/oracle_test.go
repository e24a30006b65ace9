package digest

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/icholy/digest"
	"pgregory.net/rapid"
)

// TestAnotherLibraryAgrees: what another client answers verifies here, and what ours answers
// it reads as it would have written it. It does not do -sess.
func TestAnotherLibraryAgrees(t *testing.T) {
	var v Verifier
	text := rapid.StringMatching(`[ -~]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom([]Algorithm{MD5, SHA256}).Draw(t, "algorithm")
		user, realm, password := text.Draw(t, "user"), text.Draw(t, "realm"), text.Draw(t, "password")
		challenge := AppendChallenge(nil, false, []byte(realm), []Algorithm{a}, []byte("n"), false)
		_, challenge, _ = bytes.Cut(bytes.TrimSuffix(challenge, []byte("\r\n")), []byte(": "))
		if rapid.Bool().Draw(t, "RFC 2069") {
			challenge = bytes.Replace(challenge, []byte(`qop="auth", `), nil, 1)
		}
		theirs, err := oracle.ParseChallenge(string(challenge))
		if err != nil {
			t.Fatalf("%s: %v", challenge, err)
		}
		o := oracle.Options{
			Method: "INVITE", URI: "sip:carol@example.com;transport=tcp", Count: rapid.IntRange(1, 1<<31-1).Draw(t, "count"),
			Username: user, Password: password, Cnonce: "c",
		}
		want, err := oracle.Digest(theirs, o)
		if err != nil {
			t.Fatal(err)
		}
		var r Response
		if err := Parse([]byte(want.String()), &r); err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if !v.Verify(&r, []byte(o.Method), HA1(a, []byte(user), []byte(realm), []byte(password))) {
			t.Errorf("%s does not verify", want)
		}
		got := answerAs(t, challenge, &o)
		if len(theirs.QOP) == 0 { // counts that stand for nothing
			got.Nc, got.Cnonce = want.Nc, want.Cnonce
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("they and we:\n%s", d)
		}
	})
}

// answerAs has our client answer, and the other library read that.
func answerAs(t *rapid.T, challenge []byte, o *oracle.Options) *oracle.Credentials {
	var c Challenge
	if err := ParseChallenge(challenge, &c); err != nil {
		t.Fatalf("%s: %v", challenge, err)
	}
	line := AppendAuthorization(nil, &c, &Proof{
		Username: []byte(o.Username), HA1: c.Secret([]byte(o.Username), []byte(o.Password)),
		Method: []byte(o.Method), URI: []byte(o.URI), CNonce: []byte(o.Cnonce), Count: uint32(o.Count),
	})
	_, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\r\n")), []byte(": "))
	got, err := oracle.ParseCredentials(string(value))
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return got
}
