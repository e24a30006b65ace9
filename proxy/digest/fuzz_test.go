package digest

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// FuzzParse: nothing panics; what is refused says why and leaves nothing behind; what is
// read lies in the value and has what a proof needs.
func FuzzParse(f *testing.F) {
	for _, e := range examples {
		f.Add([]byte(e.value))
	}
	whole := answered(f, SHA256Sess, "REGISTER", "sip:example.com")
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	f.Add([]byte(strings.ReplaceAll(whole, `"`, "")))
	f.Add([]byte(withMD5(`, x="` + strings.Repeat("a", 64<<10) + `"`)))
	f.Add([]byte(withMD5(strings.Repeat(",", MaxValue))))
	f.Add([]byte("Digest username=\"bo\x00b\", realm=\"\xff\xfe\", nonce=\"\\"))
	f.Add([]byte(`Digest username="*)(uid=*))(|(uid=*", realm="' OR 1=1;--", nonce="電"`))
	f.Add([]byte("Digest ,,username = \"b\\\"b\" ,\r\n qop=\"auth,auth-int\""))
	f.Add([]byte("Basic Ym9iOng="))
	secrets := map[int][]byte{MD5.Size(): bobs(MD5), SHA256.Size(): bobs(SHA256)}
	var v Verifier
	f.Fuzz(func(t *testing.T, value []byte) {
		r := Response{Username: []byte("of the one before")}
		if err := Parse(value, &r); err != nil {
			var fault *Error
			if !errors.As(err, &fault) || fault.Reason == "" || !saysNothing(&r) {
				t.Fatalf("%v, and says %+v", err, r)
			}
			return
		}
		for _, part := range [][]byte{r.Username, r.Realm, r.Nonce, r.URI, r.Response, r.CNonce, r.Opaque, r.nc, r.qop} {
			if !bytes.Contains(value, part) || bytes.ContainsFunc(part, func(c rune) bool { return isControl(byte(c)) && c < 0x80 }) {
				t.Fatalf("%q is read out of %q", part, value)
			}
		}
		if r.Count == 0 || (r.QOP == QOPAuth) != (r.nc != nil) || len(r.AppendUsername(nil)) > len(r.Username) {
			t.Fatalf("%q says %+v", value, r)
		}
		v.Verify(&r, []byte("REGISTER"), secrets[r.Algorithm.Size()])
		if len(r.URI) > 0 && !r.IsFor(r.URI) {
			t.Fatalf("%q is not for itself", r.URI)
		}
	})
}

// FuzzParseNonce: what is taken is, byte for byte, what we make.
func FuzzParseNonce(f *testing.F) {
	keys := testKeys(f, 1, 2)
	ours := keys.AppendNonce(nil, NonceID(1790000000000, 1), home, source)
	f.Add(ours, home, true)
	f.Add(ours, home, false)
	f.Add(ours[:NonceLen-1], home, true)
	f.Add(testKeys(f, 2).AppendNonce(nil, 0, nil, source), []byte(nil), true)
	f.Add(testKeys(f, 3).AppendNonce(nil, 1, home, source), home, true)
	f.Add(keys.AppendNonce(nil, NonceID(1<<52, 1), home, netip.Addr{}), home, false)
	f.Add([]byte("A\n==\x00\xff"), []byte("\x00"), true)
	f.Add(bytes.Repeat([]byte("A"), 64<<10), home, true)
	f.Add([]byte("' OR 1=1; DROP TABLE users;--"), home, false)
	f.Fuzz(func(t *testing.T, nonce, realm []byte, bound bool) {
		var from netip.Addr
		if bound {
			from = source
		}
		id, ok := keys.ParseNonce(nonce, realm, from)
		if !ok {
			if id != 0 {
				t.Fatalf("refused, but says %d", id)
			}
			return
		}
		first, second := keys.AppendNonce(nil, id, realm, from), testKeys(t, 2).AppendNonce(nil, id, realm, from)
		if !bytes.Equal(nonce, first) && !bytes.Equal(nonce, second) {
			t.Fatalf("%q is taken, we make %q and %q", nonce, first, second)
		}
	})
}

// FuzzParseChallenge: what our client makes of anything is read by the server as the same
// names, and verifies.
func FuzzParseChallenge(f *testing.F) {
	f.Add([]byte(`Digest realm="example.com", qop="auth", algorithm=SHA-256, nonce="n", opaque="x\"y"`))
	f.Add([]byte(`Digest realm="a\\b\"c", nonce="", stale=true, qop="auth-int, auth"`))
	f.Add([]byte("Digest realm=a,nonce=b,algorithm=md5-sess"))
	f.Add([]byte("Digest realm=\"\x00\""))
	var v Verifier
	f.Fuzz(func(t *testing.T, value []byte) {
		var c Challenge
		if ParseChallenge(value, &c) != nil || len(value) > MaxValue/2 {
			return
		}
		ha1 := c.Secret([]byte("bob"), []byte("zanzibar"))
		line := AppendAuthorization(nil, &c, &Proof{
			Username: []byte("bob"), HA1: ha1, Method: []byte("INVITE"), URI: []byte("sip:a@b"), CNonce: []byte("c"), Count: 1,
		})
		_, answer, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\r\n")), []byte(": "))
		var r Response
		if err := Parse(answer, &r); err != nil {
			t.Fatalf("%q is answered by %q: %v", value, answer, err)
		}
		if !bytes.Equal(r.Realm, c.Realm) || !bytes.Equal(r.Nonce, c.Nonce) || !v.Verify(&r, []byte("INVITE"), ha1) {
			t.Fatalf("%q is answered by %q, which does not verify", value, answer)
		}
	})
}
