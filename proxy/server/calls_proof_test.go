package server

import (
	"math/rand/v2"
	"testing"
	"time"
)

// caller is a phone that calls bob, each request by way of any member.
type caller struct {
	*phone
	bob     *phone
	members []*proxy
	chance  *rand.Rand
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	const seed = 7
	c := &caller{
		members: startCluster(t, 3, guard(t, &users{}, nil)),
		phone:   newPhone(t, "alice"), bob: newPhone(t, "bob"),
		chance: rand.New(rand.NewPCG(seed, seed)),
	}
	c.bob.registerAs(c.members[0], c.bob.account())
	return c
}

func (c *caller) any() *proxy { return c.members[c.chance.IntN(len(c.members))] }

// ask is a challenge to a request without credentials.
func (c *caller) ask() *received {
	c.t.Helper()
	c.sendRaw(c.any().addr, []byte(c.asking("MESSAGE")))
	return c.status(407)
}

// passes sends a request that is let in, to any member, and tells which.
func (c *caller) passes(text string) (member int) {
	c.t.Helper()
	member = c.chance.IntN(len(c.members))
	c.sendRaw(c.members[member].addr, []byte(text))
	c.bob.reply(c.bob.request("MESSAGE"), 200, "OK", "b")
	c.status(200)
	return member
}

// stolen sends another request with the credentials of each, which is refused.
func (c *caller) stolen(lines []string) {
	c.t.Helper()
	for _, line := range lines {
		c.sendRaw(c.any().addr, []byte(c.asking("MESSAGE", line)))
		c.status(407)
	}
	c.bob.quiet(5 * time.Millisecond)
}

// shuffled are n requests with the proofs that next gives, in any order, and those proofs.
func (c *caller) shuffled(n int, next func() string) (texts, lines []string) {
	for range n {
		line := next()
		texts, lines = append(texts, c.asking("MESSAGE", line)), append(lines, line)
	}
	c.chance.Shuffle(n, func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	return texts, lines
}

// TestCallsWithANonceEach: of an account that makes more calls at a time than its phones'
// registrations leave room for, each with a nonce of its own, every one is let in, in
// whatever order they come, and so is what is sent again to another member.
func TestCallsWithANonceEach(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	texts, lines := c.shuffled(300, func() string { return c.account().proof(t, c.ask(), "MESSAGE", "sip:bob@example.com") })
	var took []int
	for _, text := range texts {
		took = append(took, c.passes(text))
	}
	for n := 0; n < len(texts); n += 10 {
		c.sendRaw(c.members[(took[n]+1)%len(c.members)].addr, []byte(texts[n]))
		c.bob.reply(c.bob.request("MESSAGE"), 202, "Again", "b")
		c.status(202)
	}
	c.stolen(lines)
}

// TestCallsOvertakeEachOther: of a phone that makes several calls at once with one nonce
// none is challenged, whichever comes first; a count is good once all the same.
func TestCallsOvertakeEachOther(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	challenge, a := c.ask(), c.account()
	texts, lines := c.shuffled(200, func() string { return a.proof(t, challenge, "MESSAGE", "sip:bob@example.com") })
	for _, text := range texts {
		c.passes(text)
	}
	c.stolen(lines)
}

// TestCallsLeaveARegistrationItsNonce, however many there are between two refreshes.
func TestCallsLeaveARegistrationItsNonce(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	contact := "Contact: <" + c.contact() + ">"
	c.sendRaw(c.any().addr, c.registerText("r", 1, contact))
	challenge, a := c.status(401), c.account()
	for n := range 3 {
		c.sendRaw(c.any().addr, c.registerText("r", 2+n, contact, a.proof(t, challenge, "REGISTER", "sip:example.com")))
		c.status(200)
		for range 100 {
			c.passes(c.asking("MESSAGE", c.account().proof(t, c.ask(), "MESSAGE", "sip:bob@example.com")))
		}
	}
	c.sendRaw(c.any().addr, c.registerText(unique("r"), 9, contact, (&account{username: "alice", password: "alice", count: 2}).proof(t, challenge, "REGISTER", "sip:example.com")))
	c.status(401)
}
