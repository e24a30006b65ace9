package server

import (
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/resolve"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// hops are the places that DNS has for a target with a name, the first of which that can be
// reached is its own. The others are tried after it (RFC 3263 4.3).
type hops struct {
	list  [resolve.MaxHops]resolve.Hop
	count int
	next  int                   // the first that was not tried
	to    transport.Destination // as the URI has it
	orUDP bool                  // the request is large, and to goes by TCP for that: see targets.PreferTCP
}

// clearHops makes room for the places of all targets, if one of them has a name.
func (d *dialer) clearHops() {
	d.hops = d.hops[:0]
	if slices.ContainsFunc(d.targets, func(t targets.Target) bool { return t.To.Host != "" }) {
		d.hops = slices.Grow(d.hops, len(d.targets))[:len(d.targets)]
		clear(d.hops)
	}
}

// lookUp finds the places of a target's name. What is of one call goes to the same of
// several that are as good, at whatever member (RFC 3263 4.4).
func (d *dialer) lookUp(i int) {
	t, h := &d.targets[i], &d.hops[i]
	h.to, h.orUDP = t.To, t.OrUDP
	d.m.s.resolver.Resolve(limit.Source(d.m.from.Remote.Addr()), t.To.Name(), func(found *resolve.Found, err error) {
		if err == nil {
			h.count = len(found.AppendHops(h.list[:0], xxhash.Sum64(d.m.msg.CallID()), h.orUDP))
		}
		d.fail(i) // there is no place yet
	})
}

// nextHop has a target go to the next place of its name, and reports whether there is one.
func (d *dialer) nextHop(i int) bool {
	if i >= len(d.hops) || d.hops[i].next >= d.hops[i].count {
		return false
	}
	h := &d.hops[i]
	h.set(&d.targets[i], h.list[h.next])
	h.next++
	return true
}

// set has a target go to a place. A large request goes by TCP where DNS has UDP, as long as
// that is taken.
func (h *hops) set(t *targets.Target, hop resolve.Hop) {
	t.To, t.OrUDP = h.to, h.orUDP
	port := hop.Addr.Port()
	if port == 0 {
		port = h.to.Addr.Port()
	}
	if h.to.By != resolve.Addresses && (hop.Over != flow.UDP || !h.orUDP) {
		t.To.Transport, t.OrUDP = hop.Over, false
	}
	t.SetPlace(netip.AddrPortFrom(hop.Addr.Addr(), port))
}

// appendHops gives the targets whose place is known those that come after it, one of which
// is tried when the one before has failed. Those are over UDP: to open a connection that is
// not needed, as a rule, is for whoever knows that the far end wants it. Nobody hears of the
// failure of a request without a transaction, but what there was a branch for at another
// member may be at any of them.
func (r *request) appendHops() {
	d := &r.dialer
	if len(d.hops) == 0 || r.stateless && r.msg.Method() != wire.MethodCancel && !r.forBindings() {
		return
	}
	for i := len(d.targets) - 1; i >= 0; i-- {
		if h := &d.hops[i]; !d.targets[i].Failed && h.next < h.count {
			r.after = h.appendAfter(r.after[:0], d, &d.targets[i])
			d.targets = slices.Insert(d.targets, i+1, r.after...)
		}
	}
	d.hops = d.hops[:0]
}

// appendAfter appends the targets that come after one.
func (h *hops) appendAfter(dst []targets.Target, d *dialer, first *targets.Target) []targets.Target {
	first.MakeGroup()
	for _, hop := range h.list[h.next:h.count] {
		t := *first
		h.set(&t, hop)
		if t.To.Transport != flow.UDP || !d.m.mayReach(t.To.Addr) {
			continue
		}
		d.m.s.layer.Open(t.To, func(f flow.Flow, err error) { t.Next, t.Failed = f, err != nil })
		t.Next.Socket = d.m.from.Socket
		dst = append(dst, t)
	}
	return dst
}
