package digest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var algorithms = []Algorithm{MD5, SHA256, MD5Sess, SHA256Sess}

// answered is the value of the field with which bob answers a challenge for a request.
func answered(t testing.TB, a Algorithm, method, target string) string {
	t.Helper()
	c := Challenge{Realm: home, Nonce: []byte("n"), Algorithm: a, QOP: QOPAuth}
	line := AppendAuthorization(nil, &c, &Proof{
		Username: []byte("bob"), HA1: bobs(a), Method: []byte(method), URI: []byte(target), CNonce: []byte("c"), Count: 0x1a,
	})
	_, value, found := strings.Cut(strings.TrimSuffix(string(line), "\r\n"), ": ")
	if !found {
		t.Fatalf("no header line: %q", line)
	}
	return value
}

// bobs is bob's secret.
func bobs(a Algorithm) []byte { return HA1(a, []byte("bob"), home, []byte("zanzibar")) }

// TestVerifyTakesWhatPhonesWrite: the same proof in other spellings.
func TestVerifyTakesWhatPhonesWrite(t *testing.T) {
	tests := map[string]func(value string) string{
		"as it is":                  func(v string) string { return v },
		"response in upper case":    func(v string) string { return replaceValue(v, "response", strings.ToUpper) },
		"no space after commas":     func(v string) string { return strings.ReplaceAll(v, ", ", ",") },
		"qop in quotes":             func(v string) string { return strings.Replace(v, "qop=auth", `qop="auth"`, 1) },
		"algorithm in quotes":       func(v string) string { return quoteWord(v, "algorithm") },
		"algorithm in lower case":   func(v string) string { return replaceValue(v, "algorithm", strings.ToLower) },
		"nc in quotes":              func(v string) string { return quoteWord(v, "nc") },
		"no quotes around response": func(v string) string { return unquoteWord(v, "response") },
		"no quotes around cnonce":   func(v string) string { return unquoteWord(v, "cnonce") },
		"needless escapes":          func(v string) string { return strings.Replace(v, `uri="sip`, `uri="\s\i\p`, 1) },
		"opaque of somebody":        func(v string) string { return v + `, opaque="x"` },
	}
	var v Verifier
	for name, change := range tests {
		for _, a := range algorithms {
			t.Run(fmt.Sprint(name, ", ", a), func(t *testing.T) {
				value := change(answered(t, a, "REGISTER", "sip:example.com"))
				var r Response
				if err := Parse([]byte(value), &r); err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				if !v.Verify(&r, []byte("REGISTER"), bobs(a)) {
					t.Errorf("%s does not verify", value)
				}
			})
		}
	}
}

// TestVerifyHashesTheSpelling: a phone that writes a count without zeros or qop in capitals
// has hashed that.
func TestVerifyHashesTheSpelling(t *testing.T) {
	for _, a := range algorithms {
		r := Response{
			Username: []byte("bob"), Nonce: []byte("n"), URI: []byte("sip:example.com"), CNonce: []byte("c"),
			Algorithm: a, QOP: QOPAuth, nc: []byte("1A"), qop: []byte("AUTH"),
		}
		var v Verifier
		value := fmt.Sprintf(`Digest username="bob", realm="example.com", nonce="n", uri="sip:example.com", algorithm=%s, `+
			`qop=AUTH, nc=1A, cnonce="c", response="%x"`, a, v.compute(&r, []byte("REGISTER"), bobs(a)))
		if err := Parse([]byte(value), &r); err != nil {
			t.Fatal(err)
		}
		if !v.Verify(&r, []byte("REGISTER"), bobs(a)) || r.Count != 26 {
			t.Errorf("%s: does not verify, count %d", value, r.Count)
		}
	}
}

// TestVerifyRefuses what differs in anything that is hashed.
func TestVerifyRefuses(t *testing.T) {
	tests := map[string]func(value string) string{
		"another nonce":      func(v string) string { return strings.Replace(v, `nonce="n"`, `nonce="m"`, 1) },
		"another cnonce":     func(v string) string { return strings.Replace(v, `cnonce="c"`, `cnonce="d"`, 1) },
		"another uri":        func(v string) string { return strings.Replace(v, "sip:example.com", "sip:example.org", 1) },
		"an equivalent uri":  func(v string) string { return strings.Replace(v, "sip:example.com", "sip:EXAMPLE.com", 1) },
		"another count":      func(v string) string { return strings.Replace(v, "nc=0000001a", "nc=0000001b", 1) },
		"the count's case":   func(v string) string { return strings.Replace(v, "nc=0000001a", "nc=0000001A", 1) },
		"without qop":        func(v string) string { return strings.Replace(v, "qop=auth", `qop=""`, 1) },
		"an empty response":  func(v string) string { return replaceValue(v, "response", func(string) string { return "" }) },
		"a response of zero": func(v string) string { return replaceValue(v, "response", zeros) },
		"-sess or not":       toggleSession,
	}
	var v Verifier
	for name, change := range tests {
		for _, a := range algorithms {
			t.Run(fmt.Sprint(name, ", ", a), func(t *testing.T) {
				whole := answered(t, a, "REGISTER", "sip:example.com")
				value := change(whole)
				if value == whole {
					t.Fatalf("nothing was changed in %s", value)
				}
				var r Response
				if err := Parse([]byte(value), &r); err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				if v.Verify(&r, []byte("REGISTER"), bobs(a)) {
					t.Errorf("%s verifies", value)
				}
			})
		}
	}
}

func TestVerifyRefusesSecretsOfAnotherAlgorithm(t *testing.T) {
	var v Verifier
	for _, a := range algorithms {
		var r Response
		if err := Parse([]byte(answered(t, a, "REGISTER", "sip:example.com")), &r); err != nil {
			t.Fatal(err)
		}
		other := SHA256
		if a.Base() == SHA256 {
			other = MD5
		}
		for name, ha1 := range map[string][]byte{"another's": bobs(other), "none": nil, "cut": bobs(a)[1:], "longer": append(bobs(a), 0)} {
			if v.Verify(&r, []byte("REGISTER"), ha1) {
				t.Errorf("%v verifies with a secret that is %s", a, name)
			}
		}
	}
}

// TestEachDigitOfAResponseMatters: none of them may be another.
func TestEachDigitOfAResponseMatters(t *testing.T) {
	var v Verifier
	for _, a := range algorithms {
		var r Response
		if err := Parse([]byte(answered(t, a, "REGISTER", "sip:example.com")), &r); err != nil {
			t.Fatal(err)
		}
		for i, digit := range r.Response {
			for _, other := range []byte("0123456789abcdef") {
				if r.Response[i] = other; other != digit && v.Verify(&r, []byte("REGISTER"), bobs(a)) {
					t.Errorf("%v: digit %d may be %c for %c", a, i, other, digit)
				}
			}
			r.Response[i] = digit
		}
		if !v.Verify(&r, []byte("REGISTER"), bobs(a)) {
			t.Errorf("%v: the response itself is refused", a)
		}
	}
}

// TestNoPrefixOfAProofVerifies: a field that was cut anywhere proves nothing, but for the
// closing quote.
func TestNoPrefixOfAProofVerifies(t *testing.T) {
	var v Verifier
	for _, a := range algorithms {
		whole := answered(t, a, "INVITE", "sip:carol@example.com")
		for n := range len(whole) {
			var r Response
			if Parse([]byte(whole[:n]), &r) == nil && v.Verify(&r, []byte("INVITE"), bobs(a)) {
				t.Errorf("%q verifies", whole[:n])
			}
		}
	}
}

// TestVerifyKeepsNothingThatMatters: one that has seen others says what a new one says,
// whatever they had in common.
func TestVerifyKeepsNothingThatMatters(t *testing.T) {
	var used Verifier
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(algorithms).Draw(t, "algorithm")
		r := Response{Nonce: []byte("n"), CNonce: []byte("c"), Algorithm: a, URI: []byte(rapid.SampledFrom([]string{"", "sip:a", "sip:b", "T:sip:a"}).Draw(t, "uri"))}
		method := []byte(rapid.SampledFrom([]string{"INVITE", "INVIT", "INVI"}).Draw(t, "method"))
		var fresh Verifier
		if got, want := used.compute(&r, method, bobs(a)), fresh.compute(&r, method, bobs(a)); !bytes.Equal(got, want) {
			t.Errorf("%v, %s %s: %x, want %x", a, method, r.URI, got, want)
		}
	})
}

// TestSessionVector holds -sess to values that Python's hashlib gave.
func TestSessionVector(t *testing.T) {
	for a, want := range map[Algorithm]string{MD5Sess: sessionMD5, SHA256Sess: sessionSHA256} {
		r := Response{
			Nonce: []byte("n"), URI: []byte("sip:example.com"), CNonce: []byte("c"), Algorithm: a, QOP: QOPAuth,
			nc: []byte("0000001a"), qop: []byte("auth"),
		}
		var v Verifier
		if got := hex.EncodeToString(v.compute(&r, []byte("REGISTER"), bobs(a))); got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
	}
}

// TestProofsOfAnythingVerify: whatever the names are made of, what we answer we take.
func TestProofsOfAnythingVerify(t *testing.T) {
	var v Verifier
	text := rapid.StringMatching(`[ -~]{0,20}|[a-z\\"äö電]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(algorithms).Draw(t, "algorithm")
		user, realm, password := text.Draw(t, "user"), text.Draw(t, "realm"), text.Draw(t, "password")
		nonce := rapid.StringMatching(`[A-Za-z0-9_/+=-]{1,40}`).Draw(t, "nonce")
		target := rapid.StringMatching(`sip:[a-z0-9]{1,8}@[a-z]{1,8}\.com`).Draw(t, "uri")
		var c Challenge
		line := AppendChallenge(nil, rapid.Bool().Draw(t, "proxy"), []byte(realm), []Algorithm{a}, []byte(nonce), false)
		_, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\r\n")), []byte(": "))
		if err := ParseChallenge(value, &c); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		line = AppendAuthorization(nil, &c, &Proof{
			Username: []byte(user), HA1: c.Secret([]byte(user), []byte(password)), Method: []byte("INVITE"), URI: []byte(target),
			CNonce: AppendCNonce(nil, [8]byte{1, 2}), Count: rapid.Uint32Range(1, 1<<32-1).Draw(t, "count"),
		})
		_, value, _ = bytes.Cut(bytes.TrimSuffix(line, []byte("\r\n")), []byte(": "))
		var r Response
		if err := Parse(value, &r); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		if got := string(r.AppendUsername(nil)); got != user {
			t.Errorf("user %q, want %q", got, user)
		}
		if got := string(r.AppendRealm(nil)); got != realm {
			t.Errorf("realm %q, want %q", got, realm)
		}
		ha1 := HA1(a, []byte(user), []byte(realm), []byte(password))
		if !v.Verify(&r, []byte("INVITE"), ha1) {
			t.Errorf("%s does not verify", value)
		}
		if !r.IsFor([]byte(target)) {
			t.Errorf("%s is not for %s", value, target)
		}
	})
}

// replaceValue changes the value of a parameter, quotes included.
func replaceValue(field, name string, change func(string) string) string {
	all := strings.Split(field, ", ")
	for i, p := range all {
		p = strings.TrimPrefix(p, "Digest ")
		if value, ok := strings.CutPrefix(p, name+"="); ok {
			all[i] = name + "=" + `"` + change(strings.Trim(value, `"`)) + `"`
		}
	}
	return strings.Join(all, ", ")
}

func zeros(s string) string { return strings.Repeat("0", len(s)) }

func quoteWord(field, name string) string {
	return replaceValue(field, name, func(s string) string { return s })
}

func unquoteWord(field, name string) string {
	quoted := quoteWord(field, name)
	before, after, _ := strings.Cut(quoted, " "+name+`="`)
	value, after, _ := strings.Cut(after, `"`)
	return before + " " + name + "=" + value + after
}

func toggleSession(field string) string {
	if strings.Contains(field, "-sess") {
		return strings.Replace(field, "-sess", "", 1)
	}
	return replaceValue(field, "algorithm", func(s string) string { return s + "-sess" })
}

const (
	sessionMD5    = "fa244d52666eeb808a8dce3049452286"
	sessionSHA256 = "36f68a43d559a32743182d12ec88d230dc5c8e33d87d607080831599eb0368d4"
)
