package auth

import (
	"hash/maphash"
	"net/netip"

	"github.com/sipring/sipring/proxy/limit"
)

// Who guesses is answered late, and then not at all: by user and source, so that whoever
// shares an address with an attacker is let in, and by source, so that one password is
// not tried with all users. A source is as in package limit.
const (
	// failureCost is what a failure costs, in seconds that it takes to be forgotten.
	failureCost = 6
	// promptFailures are those of a user from a source that are answered at once; of
	// later ones a retransmission is (RFC 3261 17.1.2.2), half a second later.
	promptFailures = 3
	// userFailures and sourceFailures, of a user from a source and of all users from one,
	// have more of them dropped for a while.
	userFailures, sourceFailures = 10, 100
	// banTime is for how long, in milliseconds.
	banTime = 60_000
	// provedTime is for how long it is remembered from where a user has authenticated, and
	// half of it at least after they did again.
	provedTime = 3_600_000
	// copyTime is for how long a request is known again, in seconds (RFC 3261 64*T1).
	copyTime = 32
	// banned are tried all the same, so many a second: users who have authenticated from
	// that source before, each, and all others of a source that is. All phones of a site,
	// or behind a node, may be one source.
	bannedKnown, bannedOthers = 2, 10
	// bannedTries are those of a user that is banned, or of one address and port of a
	// source that is, which are tried all the same at once, and then one each failureCost
	// or each second.
	bannedTries = 3
)

// failures are what is remembered of them, in fixed memory. Safe for concurrent use.
type failures struct {
	seed                    maphash.Seed
	prompt, user, source    *limit.Limiter
	copies                  *limit.Limiter
	knownTries, othersTries *limit.Limiter
	userTries, portTries    *limit.Limiter
	proved, missed, banned  *memory
	bans                    bans
}

func newFailures() *failures {
	return &failures{
		seed:   maphash.MakeSeed(),
		prompt: limit.New(limit.Config{Rate: 1, Burst: promptFailures * failureCost, Slots: 1 << 13}),
		user:   limit.New(limit.Config{Rate: 1, Burst: userFailures * failureCost, Slots: 1 << 13}),
		source: limit.New(limit.Config{Rate: 1, Burst: sourceFailures, Slots: 1 << 13}),
		copies: limit.New(limit.Config{Rate: 1, Burst: copyTime, Slots: 1 << 13}),

		knownTries:  limit.New(limit.Config{Rate: bannedKnown, Burst: 5 * bannedKnown, Slots: 1 << 12}),
		othersTries: limit.New(limit.Config{Rate: bannedOthers, Burst: bannedOthers, Slots: 1 << 12}),
		userTries:   limit.New(limit.Config{Rate: 1, Burst: bannedTries * failureCost, Slots: 1 << 12}),
		portTries:   limit.New(limit.Config{Rate: 1, Burst: bannedTries, Slots: 1 << 13}),
		proved:      newMemory(1 << 17), missed: newMemory(1 << 13), banned: newMemory(1 << 13),
	}
}

// trier is who tries: a user, as they say, from an address.
type trier struct{ user, there, here, port uint64 } // hashes: of user and source, of user, address and port; of the source (0: many send from there, and it is not banned), of address and port

// trier hashes who tries.
func (f *failures) trier(username, realm []byte, from netip.AddrPort) (t trier) {
	t.here = limit.Source(from.Addr())
	name := f.name(username, realm)
	t.user = max(name^maphash.Comparable(f.seed, t.here), 1)
	t.port = max(maphash.Comparable(f.seed, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())), 1)
	t.there = name ^ t.port
	return t
}

// name stands for a user.
func (f *failures) name(username, realm []byte) uint64 {
	return maphash.Bytes(f.seed, username) + 31*maphash.Bytes(f.seed, realm)
}

// isProved notes that a user has authenticated from an address, if it was not noted lately:
// most who authenticate refresh what they have.
func (f *failures) isProved(t trier, now int64) {
	if f.proved.has(t.there, now+provedTime/2) {
		return
	}
	f.proved.add(t.user, now+provedTime)
	f.proved.add(t.there, now+provedTime)
}

// mayTry reports whether credentials are looked at: not where the user, or the source, is
// banned. Whoever has authenticated from that very address and port goes on, as nobody
// else is there. Others do now and then, as they may be the user at another port or
// somebody else beside one who guesses, but not from where that user's password was
// wrong, nor often from one port: whoever guesses leaves something to the others.
func (f *failures) mayTry(t trier, now int64) bool {
	user, source := f.banned.has(t.user, now), f.isSourceBanned(t, now)
	switch {
	case !user && !source, f.proved.has(t.there, now):
		return true
	case f.hasMissed(t, now):
		return false
	case f.proved.has(t.user, now):
		return f.knownTries.AllowKey(now, t.user, 1)
	case user:
		return f.userTries.AllowKey(now, t.user, failureCost)
	}
	return f.portTries.AllowKey(now, t.port, 1) && f.othersTries.AllowKey(now, t.here, 1)
}

// hasMissed reports whether a password of the user was wrong lately, from that address and
// port.
func (f *failures) hasMissed(t trier, now int64) bool { return f.missed.has(t.there, now) }

func (f *failures) isSourceBanned(t trier, now int64) bool {
	return t.here != 0 && f.banned.has(t.here, now)
}

// isAnswered notes a failure, and reports whether it is answered. request stands for the
// request, and all its retransmissions.
func (f *failures) isAnswered(t trier, request uint64, now int64) (answered bool, begins ban) {
	f.missed.add(t.there, now+banTime)
	if f.banned.has(t.user, now) || f.isSourceBanned(t, now) {
		return false, banNone
	}
	answered = f.prompt.AllowKey(now, t.user, failureCost)
	if !answered && !f.copies.AllowKey(now, max(request, 1), copyTime) {
		return true, banNone // its first copy was dropped, and noted
	}
	if !f.user.AllowKey(now, t.user, failureCost) {
		f.banned.add(t.user, now+banTime)
		return false, banUser
	}
	if t.here != 0 && !f.source.AllowKey(now, t.here, 1) {
		f.banned.add(t.here, now+banTime)
		return false, banSource
	}
	return answered, banNone
}
