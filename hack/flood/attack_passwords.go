package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"github.com/sipring/sipring/proxy/digest"
)

// strangers are users that nobody knows: each REGISTER is answered with a challenge.
func strangers(ctx context.Context, s *site) (out outcome, err error) {
	if _, err := challenged(ctx, s, s.host(attackerHost)); err != nil {
		out.fault("before the attack: %v", err)
	}
	n, err := flood(ctx, s, 50_000, func(i int, via netip.AddrPort) []byte {
		user := fmt.Sprintf("stranger%d", i)
		return register(via, user, fmt.Sprintf("sip:%s@%s", user, via)).bytes()
	})
	out.Note = sent(n, s, "REGISTERs")
	return out, err
}

// guessers is how many addresses the guesses of wrongPasswords come from.
const guessers = 48

// wrongPasswords are guesses at those of the good phones and of others, each with a nonce
// that its sender was given and a count that was not used.
func wrongPasswords(ctx context.Context, s *site) (out outcome, err error) {
	challenges := make([]*digest.Challenge, guessers)
	for i := range challenges {
		if challenges[i], err = challenged(ctx, s, s.host(byte(attackerHost+i))); err != nil {
			out.fault("before the attack: %v", err)
			<-ctx.Done()
			return out, nil
		}
	}
	n, err := floodFrom(ctx, s, guessers, 20_000, func(i int, via netip.AddrPort) []byte {
		return guess(challenges[i%guessers], i, via)
	})
	out.Note = sent(n, s, fmt.Sprintf("wrong passwords from %d addresses", guessers))
	return out, err
}

// challenged is the challenge that a stranger at that address gets.
func challenged(ctx context.Context, s *site, from netip.Addr) (*digest.Challenge, error) {
	u, err := newUA(from)
	if err != nil {
		return nil, err
	}
	defer u.conn.Close()
	m := u.exchange(ctx, register(u.at, "stranger", "sip:stranger@"+u.at.String()), s.proxy(0), patience, func(m *message) bool { return m.code() >= 200 })
	switch {
	case m == nil:
		return nil, fmt.Errorf("a stranger at %s had no answer", from)
	case m.code() != 401:
		return nil, fmt.Errorf("a stranger at %s was answered %d, want 401", from, m.code())
	}
	for _, value := range m.challenges() {
		c := &digest.Challenge{}
		if digest.ParseChallenge([]byte(value), c) == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("a stranger at %s has no challenge to answer: %q", from, m.challenges())
}

// guess is the i-th: one in four is at a good phone's password.
func guess(c *digest.Challenge, i int, via netip.AddrPort) []byte {
	user := fmt.Sprintf("somebody%d", i)
	if i%4 == 0 {
		user = fmt.Sprintf("phone%d", i/4%proxies)
	}
	r := register(via, user, fmt.Sprintf("sip:%s@%s", user, via))
	line := digest.AppendAuthorization(nil, c, &digest.Proof{
		Username: []byte(user), HA1: c.Secret([]byte(user), []byte("guess")), Method: []byte(r.method), URI: []byte(r.uri),
		CNonce: []byte("c"), Count: uint32(i + 1),
	})
	r.proof = []string{string(bytes.TrimSuffix(line, []byte("\r\n")))}
	return r.bytes()
}
