package location

import "bytes"

// What proves a request that is no REGISTER is used up in a place beside the user's record: a record without bindings, whose
// AOR is that of the user with a port that none has. There are so many of them that a user who makes some ten calls a
// second, with a nonce each or with one whose count rises, has room for all that can be good, and of each is known what was
// used, not the greatest count: requests overtake each other. So neither do calls take the room of what a REGISTER proves,
// nor is anything refused in a place that is not known to be used. A replay of what had to make room is let through: it
// can but ask the same callee again, while the nonce is good.
//
// The oldest nonces make room first. So those that are used again have places of their own: many younger ones that are
// used once, as of another phone of the user, leave them theirs.
//
// A member that knows of no places has each for another AOR, and what is used there for a nonce with its count.
const (
	placePrefix = ":n"
	placeSize   = len(placePrefix) + 2
	placeDigits = 16
	// placeCounts are the counts of a nonce that one place has in a row. The next ones are in the next place.
	placeCounts = 4
)

// ForPlace returns p as it is used up in its place: each count as a nonce of its own.
func (p Proof) ForPlace() Proof {
	return Proof{Nonce: p.Nonce + uint64(max(p.Count, 1)-1), Count: p.Count}
}

// AppendPlace appends to the AOR that stands for a user what makes it the one of the place for p.
func AppendPlace(account []byte, p Proof) []byte {
	h := byte(mix(p.Nonce)) + byte(p.Count/placeCounts)
	first := byte('a')
	if p.Count > 1 {
		first = 'A'
	}
	return append(append(account, placePrefix...), first+h/placeDigits, 'a'+h%placeDigits)
}

// isPlace reports whether an AOR is that of a place.
func isPlace(aor []byte) bool {
	at := len(aor) - placeSize
	return at > 0 && string(aor[at:at+len(placePrefix)]) == placePrefix && bytes.IndexByte(aor[:at], '@') >= 0
}

// roomForNew is what leaves no room for a record of the AOR where there is none. Places leave the last to who registers.
func roomForNew(aor []byte) Room {
	if isPlace(aor) {
		return RoomForSome
	}
	return RoomForKnown
}

// provedFor is how long after its last use what was proved to an AOR is remembered, ms. What is in a place needs be for no
// longer than its nonce is good, by the clock of any member.
func (l Limits) provedFor(aor []byte) int64 {
	if isPlace(aor) {
		return l.nonceLife() + copiesFor
	}
	return provedFor
}
