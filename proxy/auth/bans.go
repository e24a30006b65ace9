package auth

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// ban says who is banned.
type ban uint8

const (
	banNone   ban = iota
	banUser       // a user, from a source
	banSource     // a source, for all users
	bansOf
)

var banNames = [bansOf]string{banNone: "nobody", banUser: "user", banSource: "source"}

// Ban is of who has failed to authenticate too often.
type Ban struct {
	// Of is user, of one user from the source, or source, of all but those who have
	// authenticated from there.
	Of string `json:"of"`
	// From is the address that the last failure came from: all of an IPv6 /64 is one
	// source.
	From string `json:"from"`
	// User is the user name that was tried last.
	User string `json:"user"`
	// Until is when it ends.
	Until time.Time `json:"until"`
}

// maxBans is how many bans are listed: of more the latest.
const maxBans = 100

// bans are those that are listed. Safe for concurrent use.
type bans struct {
	mu   sync.Mutex
	list []Ban
}

// add lists a ban that begins.
func (b *bans) add(of ban, from netip.Addr, user string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(now)
	if len(b.list) == maxBans {
		b.list = slices.Delete(b.list, 0, 1)
	}
	b.list = append(b.list, Ban{Of: banNames[of], From: from.String(), User: user, Until: now.Add(banTime * time.Millisecond)})
}

// current are those that have not ended, the latest last.
func (b *bans) current(now time.Time) []Ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end(now)
	return slices.Clone(b.list)
}

func (b *bans) end(now time.Time) {
	b.list = slices.DeleteFunc(b.list, func(one Ban) bool { return !now.Before(one.Until) })
}
