package digest

import (
	"errors"
	"fmt"
	"testing"
)

func TestChallengeLines(t *testing.T) {
	both := []Algorithm{SHA256, MD5}
	tests := map[string]struct {
		proxy      bool
		realm      string
		algorithms []Algorithm
		stale      bool
		want       string
	}{
		"registrar": {
			false, "example.com", both, false,
			"WWW-Authenticate: Digest realm=\"example.com\", qop=\"auth\", algorithm=SHA-256, nonce=\"n\"\r\n" +
				"WWW-Authenticate: Digest realm=\"example.com\", qop=\"auth\", algorithm=MD5, nonce=\"n\"\r\n",
		},
		"proxy": {
			true, "example.com",
			[]Algorithm{MD5},
			false,
			"Proxy-Authenticate: Digest realm=\"example.com\", qop=\"auth\", algorithm=MD5, nonce=\"n\"\r\n",
		},
		"stale": {
			false, "example.com",
			[]Algorithm{SHA256},
			true,
			"WWW-Authenticate: Digest realm=\"example.com\", qop=\"auth\", algorithm=SHA-256, nonce=\"n\", stale=true\r\n",
		},
		"a realm with quotes": {
			false, `a "b" \c`,
			[]Algorithm{MD5},
			false,
			"WWW-Authenticate: Digest realm=\"a \\\"b\\\" \\\\c\", qop=\"auth\", algorithm=MD5, nonce=\"n\"\r\n",
		},
		"a realm with line ends": {
			false, "a\r\nX: y\x00",
			[]Algorithm{MD5},
			false,
			"WWW-Authenticate: Digest realm=\"aX: y\", qop=\"auth\", algorithm=MD5, nonce=\"n\"\r\n",
		},
		"no algorithm": {false, "example.com", nil, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := string(AppendChallenge([]byte("x"), tt.proxy, []byte(tt.realm), tt.algorithms, []byte("n"), tt.stale))
			if got != "x"+tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestParseChallenge reads those of other servers too.
func TestParseChallenge(t *testing.T) {
	tests := map[string]struct{ value, want string }{
		"ours":                        {`Digest realm="example.com", qop="auth", algorithm=SHA-256, nonce="n"`, `example.com n SHA-256 1 false ""`},
		"stale":                       {`Digest realm="example.com", nonce="n", stale=TRUE`, `example.com n MD5 0 true ""`},
		"not stale":                   {`Digest realm="example.com", nonce="n", stale=false`, `example.com n MD5 0 false ""`},
		"Kamailio":                    {`Digest realm="example.com", nonce="YZlVk2GZVGegVBZVKaMHpnxmUA+QyoSl"`, `example.com YZlVk2GZVGegVBZVKaMHpnxmUA+QyoSl MD5 0 false ""`},
		"Asterisk":                    {`Digest  realm="asterisk",nonce="1/2",opaque="3",algorithm=md5,qop="auth"`, `asterisk 1/2 MD5 1 false "3"`},
		"a list of qop":               {`Digest realm="r", nonce="n", qop="auth-int, auth"`, `r n MD5 1 false ""`},
		"a domain, of RFC 3261 20.44": {`Digest realm="atlanta.com", domain="sip:boxesbybob.com", qop="auth", nonce="f84f", opaque="", stale=FALSE, algorithm=MD5`, `atlanta.com f84f MD5 1 false ""`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var c Challenge
			if err := ParseChallenge([]byte(tt.value), &c); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%s %s %v %d %t %q", c.Realm, c.Nonce, c.Algorithm, c.QOP, c.Stale, c.Opaque); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseChallengeRefuses(t *testing.T) {
	tests := map[string]struct {
		value string
		kind  error
	}{
		"another scheme":       {`Basic realm="r"`, ErrScheme},
		"no realm":             {`Digest nonce="n"`, ErrMissing},
		"no nonce":             {`Digest realm="r"`, ErrMissing},
		"auth-int alone":       {`Digest realm="r", nonce="n", qop="auth-int"`, ErrUnsupported},
		"an unknown algorithm": {`Digest realm="r", nonce="n", algorithm=SHA-512-256`, ErrUnsupported},
		"realm twice":          {`Digest realm="r", nonce="n", realm="q"`, ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Challenge{Stale: true}
			if err := ParseChallenge([]byte(tt.value), &c); !errors.Is(err, tt.kind) {
				t.Errorf("error %v, want %v", err, tt.kind)
			}
			if c.Stale || c.Realm != nil || c.Nonce != nil {
				t.Errorf("refused, but says %+v", c)
			}
		})
	}
}
