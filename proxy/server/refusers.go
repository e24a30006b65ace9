package server

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/transport"
)

// refusers are the addresses at which nobody has taken a connection lately: large requests
// go there by UDP at once, and not after each of them has tried TCP (RFC 3261 18.1.1). Memory
// is fixed: the newest takes the place of another, and what is forgotten is tried again. Safe
// for concurrent use; nobody waits.
type refusers struct {
	seed   maphash.Seed
	places [1 << refuserBits]atomic.Uint64
}

const (
	refuserBits = 10
	// refusedFor is how long that is remembered, in milliseconds.
	refusedFor = 60_000
	// A place holds most of an address's hash, and the second of the server's clock until
	// which it holds: the bits of that last half a year.
	untilBits = 24
	untilMask = 1<<untilBits - 1
)

func newRefusers() *refusers { return &refusers{seed: maphash.MakeSeed()} }

// place is where an address is remembered, and what stands there but for the time.
func (r *refusers) place(a netip.AddrPort) (*atomic.Uint64, uint64) {
	sum := maphash.Comparable(r.seed, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	return &r.places[sum&(1<<refuserBits-1)], sum &^ untilMask
}

// add remembers at now, in milliseconds, that an address refuses connections.
func (r *refusers) add(a netip.AddrPort, now int64) {
	place, word := r.place(a)
	place.Store(word | uint64((now+refusedFor+999)/1000)&untilMask)
}

// has reports whether an address is known at now to refuse them.
func (r *refusers) has(a netip.AddrPort, now int64) bool {
	place, word := r.place(a)
	w := place.Load()
	return w&^untilMask == word && now < int64(w&untilMask)*1000
}

// fallBack has a target that was to be reached over TCP be tried over UDP after an error,
// and reports whether it may be. That nobody takes connections there is remembered; that
// this process has too many on their way says nothing of it.
func (d *dialer) fallBack(t *targets.Target, err error) bool {
	if !t.FallBack() {
		return false
	}
	if !errors.Is(err, transport.ErrTooManyDials) && !errors.Is(err, transport.ErrNoRoute) && !errors.Is(err, transport.ErrGone) {
		d.m.s.refusers.add(t.To.Addr, d.m.s.now())
	}
	return true
}
