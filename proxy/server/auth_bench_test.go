package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/sipring/sipring/proxy/auth"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// known is a source of one secret, which is every user's.
type oneSecret struct{ credential credentials.Credential }

func (s *oneSecret) Look(_ int64, _ *credentials.Query, c *credentials.Credential) credentials.Answer {
	*c = s.credential
	return credentials.Found
}

func (s *oneSecret) Ask(_ *credentials.Query, done func()) { done() }

func (s *oneSecret) Close() error { return nil }

// startGuarded is startAlone of a server that asks for credentials, with nonces that
// last as long as a measurement.
func startGuarded(b testing.TB) *Server {
	b.Helper()
	keys, err := digest.NewKeys([]digest.Key{{ID: 1, Secret: [32]byte{9}}})
	if err != nil {
		b.Fatal(err)
	}
	c := &config.Config{Domains: []string{"example.com"}, Authentication: &config.Authentication{
		Digest: config.Digest{NonceSeconds: 3600}, Credentials: config.Credentials{Files: []string{"unused"}},
	}}
	c.ApplyDefaults()
	g := auth.New(auth.Config{Keys: keys})
	if err := g.Configure(c, &oneSecret{credentials.Credential{HasSHA256: true}}); err != nil {
		b.Fatal(err)
	}
	return startAloneWith(b, g.Checks())
}

// provedRefresh is a refresh with credentials, whose count and response next changes in
// place as well.
type provedRefresh struct {
	*refresh
	count, response int
	secret          []byte
	tail            []byte // of what is hashed, after the count
	hashed          []byte
	n               uint32
}

func newProvedRefresh(b testing.TB, s *Server, p *phone, user int) *provedRefresh {
	b.Helper()
	s.Message(flow.OverUDP(p.addr), newRefresh(user).next())
	var c digest.Challenge
	for {
		r := p.receive(patience)
		if r == nil || r.StatusCode() != 401 {
			continue // of others
		}
		if err := digest.ParseChallenge([]byte(r.values(wire.HeaderWWWAuthenticate)[0]), &c); err != nil {
			b.Fatal(err)
		}
		break
	}
	zero := make([]byte, sha256.Size)
	line := digest.AppendAuthorization(nil, &c, &digest.Proof{Username: fmt.Appendf(nil, "u%d", user), HA1: zero, Method: []byte("REGISTER"), URI: []byte("sip:example.com"), CNonce: []byte("c"), Count: 1})
	r := newRefresh(user)
	r.number++
	r.text = bytes.Replace(r.text, []byte("Content-Length"), append(line, "Content-Length"...), 1)
	ha2 := sha256.Sum256([]byte("REGISTER:sip:example.com"))
	return &provedRefresh{
		refresh: r, count: bytes.Index(r.text, []byte("nc=")) + 3, response: bytes.Index(r.text, []byte("response=\"")) + 10,
		secret: fmt.Appendf(nil, "%x:%s:", zero, c.Nonce), tail: fmt.Appendf(nil, ":c:auth:%x", ha2),
	}
}

func (r *provedRefresh) next() []byte {
	r.n++
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], r.n)
	hex.Encode(r.text[r.count:], n[:])
	r.hashed = append(append(append(r.hashed[:0], r.secret...), r.text[r.count:r.count+8]...), r.tail...)
	sum := sha256.Sum256(r.hashed)
	hex.Encode(r.text[r.response:], sum[:])
	return r.refresh.next()
}

// BenchmarkRegisterRefreshWithCredentials is BenchmarkRegisterRefresh with SHA-256, what
// the phone computes included.
func BenchmarkRegisterRefreshWithCredentials(b *testing.B) {
	s := startGuarded(b)
	sink := newPhone(b, "sink")
	var users [1000]*provedRefresh
	for i := range users {
		users[i] = newProvedRefresh(b, s, sink, i)
		s.Message(flow.OverUDP(sink.addr), users[i].next())
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		s.Message(flow.OverUDP(sink.addr), users[i%len(users)].next())
	}
	b.StopTimer()
	if n := s.metrics.made(200); n < uint64(b.N) {
		b.Fatalf("%d of %d answered 200", n, b.N)
	}
}
