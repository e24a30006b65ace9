package auth

import (
	"strconv"

	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// calls bound how many calls each user begins in a minute at this member, in fixed
// memory: whoever has stolen a password does with it what its user might. Safe for
// concurrent use.
type calls struct {
	perMinute int
	each      *limit.Limiter
	begun     *memory // INVITEs that have been let in, and come again
}

// begunTime is for how long an INVITE may come again, in milliseconds (RFC 3261
// 17.1.1.2, Timer B).
const begunTime = 32_000

// callCost is what a call costs of a rate of a minute's calls a second.
const callCost = 60

// newCalls has no bound if perMinute is 0.
func newCalls(perMinute int) *calls {
	c := &calls{perMinute: perMinute}
	if perMinute > 0 {
		c.each = limit.New(limit.Config{Rate: perMinute, Burst: perMinute * callCost, Slots: 1 << 13})
		c.begun = newMemory(1 << 13)
	}
	return c
}

// allow reports whether a user, which is not 0, may begin a call at now, in milliseconds.
// request stands for the INVITE and its retransmissions.
func (c *calls) allow(user, request uint64, now int64) bool {
	if c.perMinute == 0 || c.begun.has(request, now) {
		return true
	}
	if !c.each.AllowKey(now, user, callCost) {
		return false
	}
	c.begun.add(request, now+begunTime)
	return true
}

// mayCall lets a user's call in, if there are not too many. It is no 503, with which the
// phone would try another member.
func (a *attempt) mayCall() routing.Verdict {
	c := a.rules.calls
	_, dialog := a.d.WithinDialog() // as its token says: a To tag is what anybody writes
	if a.m.Method() != wire.MethodInvite || dialog {
		return a.pass(resultOK)
	}
	user := max(a.g.failures.name(a.username, a.domain.realm), 1)
	if c.allow(user, a.request(), a.d.Now) {
		if a.rules.inSetup > 0 {
			a.d.Caller = user
		}
		return a.pass(resultOK)
	}
	a.g.metrics.count(resultTooManyCalls)
	a.d.Challenge = append(a.d.Challenge[:0], "Retry-After: "...)
	a.d.Challenge = strconv.AppendInt(a.d.Challenge, int64(max(callCost/c.perMinute, 1)), 10)
	a.d.Challenge = append(a.d.Challenge, "\r\n"...)
	return a.d.Reject(480, "Too Many Calls", "too_many_calls", a.d.Challenge)
}
