package credentials

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

var errAway = errors.New("the source is away")

// maxRealms bounds the realms that are remembered, which are those of the configuration.
const maxRealms = 1024

// invalidations say up to when all that was said is taken back, and which realms are in use. They are numbered, as what
// is taken back while a question for it is under way counts for its answer.
type invalidations struct {
	last        atomic.Uint64
	takenBefore atomic.Uint64 // what was asked before this number was taken back
	missedSince atomic.Uint64 // what was asked before this number may have been

	mu     sync.Mutex
	realms []string
	many   bool // there are more
}

// seq is the number of the last one.
func (i *invalidations) seq() uint64 { return i.last.Load() }

// since reports whether all was taken back after seq.
func (i *invalidations) since(seq uint64) bool {
	return seq < i.takenBefore.Load() || seq < i.missedSince.Load()
}

// taken reports whether an entry was taken back with all others: it is asked for anew, and whoever needs it waits.
func (i *invalidations) taken(e *entry) bool { return e.seq < i.takenBefore.Load() }

// missed reports whether an entry may have been taken back without anybody hearing of it: it is asked for anew, beside.
func (i *invalidations) missed(e *entry) bool { return e.seq < i.missedSince.Load() }

// realm remembers a realm.
func (i *invalidations) realm(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case slices.Contains(i.realms, name):
	case len(i.realms) == maxRealms:
		i.many = true
	default:
		i.realms = append(i.realms, strings.Clone(name))
	}
}

// all returns the realms; ok is false if there are more.
func (i *invalidations) all() (realms []string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.realms[:len(i.realms):len(i.realms)], !i.many
}

// takeAll takes everything back.
func (r *remote) takeAll() { r.memory.takenBefore.Store(r.memory.last.Add(1)) }

// missSome says that something may have been taken back that nobody heard of.
func (r *remote) missSome() { r.memory.missedSince.Store(r.memory.last.Add(1)) }

// take takes back what is known of user@domain, or of user in every domain. What is of that domain is forgotten. A user
// of this name with the password of another realm may be the same: that is asked for anew.
func (r *remote) take(name string) {
	realms, ok := r.memory.all()
	if name == "" || !ok {
		r.takeAll()
		return
	}
	r.memory.last.Add(1)
	user, domain := (&question{username: name}).split()
	domain = strings.ToLower(domain)
	for _, realm := range realms {
		r.takeKey(user+"\x00"+realm, domain == "" || domain == realm)
		if domain == "" {
			r.takeKey(user+"@"+realm+"\x00"+realm, true)
		} else {
			r.takeKey(user+"@"+domain+"\x00"+realm, true)
		}
	}
}

func (r *remote) takeKey(key string, forget bool) {
	s := r.cache.named(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[key]; f != nil {
		f.again = true
	}
	s.absent.drop(key)
	if e := s.known.entries[key]; forget {
		s.known.drop(key)
	} else if e != nil {
		e.doubted = true
	}
}
