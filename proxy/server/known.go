package server

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transaction"
)

// known remembers from where phones have registered through this process, and for
// how long, in fixed memory: each source has one place, where a later one may take
// it from it. Safe for concurrent use.
type known struct {
	seed   maphash.Seed
	places [1 << 16]atomic.Uint64 // half a hash, and the second until which it holds
}

func (k *known) place(a netip.Addr) (place *atomic.Uint64, tag uint64) {
	h := maphash.Comparable(k.seed, limit.Source(a))
	return &k.places[h%uint64(len(k.places))], h >> 32 << 32
}

// add takes a source until a time in milliseconds.
func (k *known) add(a netip.Addr, until int64) {
	place, tag := k.place(a)
	place.Store(tag | uint64(uint32(until/1000)))
}

// has reports whether a phone has registered from there.
func (k *known) has(a netip.Addr, now int64) bool {
	place, tag := k.place(a)
	v := place.Load()
	return v>>32<<32 == tag && now/1000 < int64(uint32(v))
}

// noteRegistered remembers where a REGISTER that has bound something came from.
func (r *request) noteRegistered(op *cluster.RegisterOp) {
	most := uint32(0)
	for i := range op.Update.Contacts {
		most = max(most, op.Update.Contacts[i].Expires)
	}
	if op.Status == location.StatusOK && most > 0 {
		r.s.known.add(r.from.Remote.Addr(), r.s.now()+int64(most)*1000)
		r.s.phones.add(r.now, r.s.phones.address(r.from.Remote))
	}
}

// standing is what is known of who sent a request: within a dialog its token says
// that the call was let in before.
func (r *request) standing() transaction.Standing {
	if r.decision.Action == routing.InDialog || r.s.known.has(r.from.Remote.Addr(), r.now) {
		return transaction.Known
	}
	return transaction.Stranger
}
