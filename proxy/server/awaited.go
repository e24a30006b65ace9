package server

import (
	"cmp"
	"sync/atomic"
)

const (
	maxAwaited    = 4096 // a power of two
	awaitedMillis = 10_000
)

// awaited are phones that requests at other members wait for. Each phone and member has
// one place, where a later one may take it from it: then that member finds out later,
// when it looks. Safe for concurrent use; while nobody waits, looking costs one load.
type awaited struct {
	until  atomic.Int64 // milliseconds: of the last
	places [maxAwaited]atomic.Pointer[await]
}

type await struct {
	phone  thing
	member uint32
	until  int64
}

// waysOf is how many places a phone has: as many members may wait for it.
const waysOf = 4

func (a *awaited) placesOf(phone thing) (at [waysOf]*atomic.Pointer[await]) {
	for i := range at {
		at[i] = &a.places[(int(phone>>32)+i)%maxAwaited]
	}
	return at
}

// add notes that a member waits for a phone: in its own place, in one that is free, or
// in the first.
func (a *awaited) add(now int64, phone thing, member uint32) {
	all := a.placesOf(phone)
	var own, free *atomic.Pointer[await]
	for _, p := range all {
		switch e := p.Load(); {
		case e != nil && e.phone == phone && e.member == member:
			own = p
		case free == nil && (e == nil || now >= e.until):
			free = p
		}
	}
	cmp.Or(own, free, all[0]).Store(&await{phone: phone, member: member, until: now + awaitedMillis})
	a.until.Store(now + awaitedMillis)
}

// each calls f with the members that wait for a phone, which they do no more.
func (a *awaited) each(phone thing, now int64, f func(member uint32)) {
	if now >= a.until.Load() {
		return
	}
	for _, p := range a.placesOf(phone) {
		if e := p.Load(); e != nil && e.phone == phone && now < e.until && p.CompareAndSwap(e, nil) {
			f(e.member)
		}
	}
}
