package digest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// examples are of the RFCs. What they say of users is said there.
var examples = map[string]struct {
	method, username, realm, password string
	value                             string
	want                              string // the response
}{
	"RFC 7616 3.9.1, MD5": {
		"GET", "Mufasa", "http-auth@example.org", "Circle of Life",
		`Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, ` +
			`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ` +
			`cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, ` +
			`response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
		"8ca523f5e9506fed4657c9700eebdbec",
	},
	"RFC 7616 3.9.1, SHA-256": {
		"GET", "Mufasa", "http-auth@example.org", "Circle of Life",
		`Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, ` +
			`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, ` +
			`cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, ` +
			`response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", ` +
			`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
		"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	},
	"RFC 2617 3.5": {
		"GET", "Mufasa", "testrealm@host.com", "Circle Of Life",
		`Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ` +
			`uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", ` +
			`response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
		"6629fae49393a05397450978507c4ef1",
	},
	"RFC 2069 2.4, by its errata": { // no qop
		"GET", "Mufasa", "testrealm@host.com", "CircleOfLife",
		`Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", ` +
			`uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
		"1949323746fe6a43ef61f9606e7febea",
	},
	"RFC 3665 2.1": {
		"REGISTER", "bob", "atlanta.example.com", "zanzibar",
		`Digest username="bob", realm="atlanta.example.com", nonce="ea9c8e88df84f1cec4341ae6cbe5a359", ` +
			`opaque="", uri="sips:ss2.biloxi.example.com", response="dfe56131d1958046689d83306477ecc"`,
		"", // 31 digits in the RFC's text
	},
}

func TestExamplesOfTheRFCs(t *testing.T) {
	for name, tt := range examples {
		t.Run(name, func(t *testing.T) {
			var r Response
			err := Parse([]byte(tt.value), &r)
			if tt.want == "" {
				if !errors.Is(err, errResponse) {
					t.Fatalf("error %v, want %v", err, errResponse)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var v Verifier
			ha1 := HA1(r.Algorithm, []byte(tt.username), []byte(tt.realm), []byte(tt.password))
			if got := hex.EncodeToString(v.compute(&r, []byte(tt.method), ha1)); got != tt.want {
				t.Errorf("response %s, want %s", got, tt.want)
			}
			if !v.Verify(&r, []byte(tt.method), ha1) {
				t.Error("does not verify")
			}
			ha1[0] ^= 1
			if v.Verify(&r, []byte(tt.method), ha1) {
				t.Error("verifies with another secret")
			}
			ha1[0] ^= 1
			if v.Verify(&r, []byte("PUT"), ha1) {
				t.Error("verifies for another method")
			}
		})
	}
}

// TestFieldOfRFC3261 reads the example of section 20.7 and 22.4, whose hashes are made up.
func TestFieldOfRFC3261(t *testing.T) {
	value := `Digest username="bob",
	  realm="biloxi.com",
	  nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
	  uri="sip:bob@biloxi.com",
	  qop=auth,
	  nc=00000001,
	  cnonce="0a4f113b",
	  response="6629fae49393a05397450978507c4ef1",
	  opaque="5ccc069c403ebaf9f0171e9517f40e41"`
	var r Response
	if err := Parse([]byte(value), &r); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s|%s|%s|%s|%d|%d|%d|%s|%s|%s", r.Username, r.Realm, r.Nonce, r.URI, r.Algorithm, r.QOP, r.Count, r.CNonce, r.Response, r.Opaque)
	want := "bob|biloxi.com|dcd98b7102dd2f0e8b11d0f600bfb0c093|sip:bob@biloxi.com|0|1|1|0a4f113b|6629fae49393a05397450978507c4ef1|5ccc069c403ebaf9f0171e9517f40e41"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if !r.IsFor([]byte("sip:bob@biloxi.com")) {
		t.Error("is not for its own URI")
	}
}
