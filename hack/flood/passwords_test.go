package main

import (
	"crypto/rand"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/digest"
)

// judge says whether a message proves that it knows the password.
func judge(m *message, header, user, password string) (known, proved bool) {
	var r digest.Response
	if digest.Parse([]byte(m.get(header)), &r) != nil {
		return false, false
	}
	var v digest.Verifier
	ha1 := digest.HA1(r.Algorithm, []byte(user), []byte(domain), []byte(password))
	return string(r.AppendUsername(nil)) == user, v.Verify(&r, []byte(m.method()), ha1)
}

// A phone that is asked says who it is, and uses the nonce again; its CSeq grows.
func TestPhoneIsAsked(t *testing.T) {
	t.Parallel()
	password := rand.Text()
	var mu sync.Mutex
	var seen []string
	at := registrar(t, func(m *message, _ int) []byte {
		mu.Lock()
		defer mu.Unlock()
		number, _, _ := strings.Cut(m.get("cseq"), " ")
		if _, proved := judge(m, "authorization", "a", password); proved {
			seen = append(seen, number+" 200")
			return answerTo(m, 200, "OK", "r")
		}
		seen = append(seen, number+" 401")
		line := digest.AppendChallenge(nil, false, []byte(domain), []digest.Algorithm{digest.SHA256}, []byte("n"), false)
		return answerTo(m, 401, "Unauthorized", "r", strings.TrimSpace(string(line)))
	})
	var y tally
	p, err := newPhone("a", password, loopback, at, &y)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	p.register()
	p.register()
	if r := y.result(""); r.failed > 0 || len(r.took) != 2 {
		t.Errorf("%d answered, %d failed: %v", len(r.took), r.failed, r.reasons)
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := strings.Join(seen, ", "), "1 401, 2 200, 3 200"; got != want {
		t.Errorf("it sent %s, want %s", got, want)
	}
}

// A guess is what a phone would send, but for the password.
func TestGuess(t *testing.T) {
	password := rand.Text()
	via := netip.MustParseAddrPort("192.0.2.1:5060")
	c := &digest.Challenge{Realm: []byte(domain), Nonce: []byte("n"), QOP: digest.QOPAuth}
	for i, user := range []string{"phone0", "somebody1"} {
		m := parse(guess(c, i, via))
		if known, proved := judge(m, "authorization", user, password); !known || proved {
			t.Errorf("guess %d is of %s: %t, and right: %t", i, user, known, proved)
		}
		if _, proved := judge(m, "authorization", user, "guess"); !proved {
			t.Errorf("guess %d is no proof of what was guessed: %s", i, m.get("authorization"))
		}
	}
}
