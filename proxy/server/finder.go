package server

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// finder looks up whether who sends a request has registered from there, through
// whichever member: what this process remembers of a source is what it has itself seen.
type finder struct {
	r    *request
	op   cluster.LookupOp
	then func(routing.Bound)
}

// find is routing.Decision.Find.
func (f *finder) find(aor []byte, then func(routing.Bound)) {
	f.op.AOR, f.then = aor, then
	f.r.s.cluster.Lookup(&f.op)
}

// found takes the answer.
func (f *finder) found(op *cluster.LookupOp) {
	then, found := f.then, routing.BoundUnknown
	f.then = nil
	if op.Result != cluster.Unavailable {
		found = routing.BoundElsewhere
		for b := range op.Record.Live(op.Now) {
			found = max(found, boundAt(&b, f.r.from.Remote))
		}
	}
	then(found)
}

// boundAt compares where a phone has registered from with another address.
func boundAt(b *location.Binding, from netip.AddrPort) routing.Bound {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	at := netip.AddrPortFrom(b.Flow.Remote.Addr().Unmap(), b.Flow.Remote.Port())
	if !b.Flow.IsValid() && len(b.Path) == 0 {
		at = contactAddress(b.Contact)
	}
	switch {
	case at == from:
		return routing.BoundHere
	case at.Addr() == from.Addr(), b.Source != 0 && b.Source == limit.Source(from.Addr()):
		return routing.BoundBeside
	}
	return routing.BoundElsewhere
}

// contactAddress is the address that a contact names, if it names one.
func contactAddress(contact []byte) netip.AddrPort {
	uri, err := wire.ParseURI(contact)
	if err != nil {
		return netip.AddrPort{}
	}
	address, ok := wire.HostAddr(uri.Host)
	if !ok {
		return netip.AddrPort{}
	}
	port := uint16(config.DefaultSIPPort)
	if uri.HasPort {
		port = uri.Port
	}
	return netip.AddrPortFrom(address.Unmap(), port)
}
