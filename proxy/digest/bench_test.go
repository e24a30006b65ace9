package digest

import (
	"net/netip"
	"testing"
)

// operations are what is done for each request, in steady state.
func operations(t testing.TB) map[string]func() {
	keys := testKeys(t, 1, 2)
	nonce := keys.AppendNonce(nil, NonceID(1790000000000, 1), home, source)
	foreign := testKeys(t, 3).AppendNonce(nil, NonceID(1790000000000, 1), home, source)
	sha256, md5, session := proof(t, SHA256), proof(t, MD5), proof(t, SHA256Sess)
	escaped := Response{Username: []byte(`b\"o\\b`)}
	malformed := []byte(withMD5(", username=eve"))
	method, request, loose := []byte("REGISTER"), []byte("sip:example.com"), []byte("sip:example.com:5060;transport=tcp")
	ha1 := map[Algorithm][]byte{SHA256: bobs(SHA256), MD5: bobs(MD5), SHA256Sess: bobs(SHA256Sess)}
	buf := make([]byte, 0, 512)
	var v Verifier
	var r Response
	verify := func(p *Response) {
		if !v.Verify(p, method, ha1[p.Algorithm]) {
			t.Fatal("does not verify")
		}
	}
	value := []byte(answered(t, SHA256, "REGISTER", "sip:example.com"))
	return map[string]func(){
		"Parse": func() {
			if err := Parse(value, &r); err != nil {
				t.Fatal(err)
			}
		},
		"Parse, malformed": func() {
			if Parse(malformed, &r) == nil {
				t.Fatal("read")
			}
		},
		"Verify, MD5":            func() { verify(md5) },
		"Verify, SHA-256":        func() { verify(sha256) },
		"Verify, SHA-256-sess":   func() { verify(session) },
		"IsFor":                  func() { isFor(t, md5, request) },
		"IsFor, in another form": func() { isFor(t, md5, loose) },
		"AppendUsername":         func() { buf = escaped.AppendUsername(buf[:0]) },
		"AppendNonce":            func() { buf = keys.AppendNonce(buf[:0], 1, home, source) },
		"AppendNonce, unbound":   func() { buf = keys.AppendNonce(buf[:0], 1, home, netip.Addr{}) },
		"ParseNonce": func() {
			if _, ok := keys.ParseNonce(nonce, home, source); !ok {
				t.Fatal("refused")
			}
		},
		"ParseNonce, foreign": func() {
			if _, ok := keys.ParseNonce(foreign, home, source); ok {
				t.Fatal("taken")
			}
		},
		"AppendChallenge": func() { buf = AppendChallenge(buf[:0], false, home, algorithms[:2], nonce, true) },
	}
}

func proof(t testing.TB, a Algorithm) *Response {
	r := &Response{}
	if err := Parse([]byte(answered(t, a, "REGISTER", "sip:example.com")), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func isFor(t testing.TB, r *Response, uri []byte) {
	if !r.IsFor(uri) {
		t.Fatal("is not")
	}
}

func Benchmark(b *testing.B) {
	for name, op := range operations(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				op()
			}
		})
	}
}

func TestNothingAllocatesInSteadyState(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops what it is given at random")
	}
	for name, op := range operations(t) {
		t.Run(name, func(t *testing.T) {
			if allocs := testing.AllocsPerRun(200, op); allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}
