package server

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// target is one place a request goes to.
type target struct {
	uri     []byte         // Request-URI; nil: as it came
	path    []byte         // Route values that come before those of the request (RFC 3327)
	strict  []byte         // URI of the next hop, if that is a strict router
	addr    netip.AddrPort // next hop; with name set only its port counts
	name    string         // host to resolve first
	failed  bool           // has no address
	remote  netip.AddrPort // the callee's flow, where it is not its contact's address
	group   uint64         // of the phone it is a way to, if it said which; its flows are tried one after the other
	newness location.Version
	way     int // its place among the targets that are tried at a time
	breadth int // its Max-Breadth (RFC 5393)
	branch  token.Branch
}

// bindingTargets makes a target of every live binding that can be called (RFC
// 3261 16.5), the newest first. They hold views into the record.
func (r *request) bindingTargets(record location.Record, now int64) {
	for b := range record.Live(now) {
		if t, ok := bindingTarget(&b); ok {
			r.targets = append(r.targets, t)
		}
	}
	slices.SortStableFunc(r.targets, func(a, b target) int { return b.newness.Compare(a.newness) })
}

// bindingTarget is the target that a binding makes. What wants a transport that is
// not served is none: its phone would get in the clear what it asked to have
// secured, or nothing.
func bindingTarget(b *location.Binding) (target, bool) {
	uri, err := wire.ParseURI(b.Contact)
	if err != nil || uri.Scheme != wire.SchemeSIP {
		return target{}, false
	}
	t := target{uri: wire.WithoutHeaders(b.Contact), newness: b.Version}
	if len(b.Instance) > 0 {
		t.group = xxhash.Sum64(b.Instance)
	}
	switch {
	case len(b.Path) > 0:
		return t, t.setPath(b.Path)
	case !transport.OverUDP(&uri):
		return t, false
	case b.Received.IsValid():
		t.addr, t.remote = b.Received, b.Received
	default:
		t.setDestination(&uri)
	}
	return t, true
}

// setPath has the request go by way of the proxies that the phone registered
// through (RFC 3327 5.4), and reports whether the first of them can be sent to.
func (t *target) setPath(path []byte) bool {
	first, _ := wire.CutValue(path)
	hop, err := wire.ParseNameAddr(first)
	if err != nil {
		return false
	}
	uri, err := wire.ParseURI(hop.URI)
	if err != nil || !transport.OverUDP(&uri) {
		return false
	}
	if _, loose := uri.Param("lr"); !loose {
		t.strict = hop.URI
	}
	t.path = path
	t.setDestination(&uri)
	return true
}

func (t *target) setDestination(uri *wire.URI) {
	addr, name, ok := transport.URIDestination(uri)
	t.addr = addr
	if !ok {
		var form [256]byte // of the resolver's cache
		t.name = string(wire.CanonicalHost(form[:0], name))
		t.failed = len(name) == 0
	}
}

// resolveAndForward forwards once every target has an address: at once, or when
// the last of its names is resolved.
func (r *request) resolveAndForward() {
	names := 0
	for i := range r.targets {
		if r.targets[i].name != "" {
			names++
		}
	}
	if names == 0 {
		r.forward()
		return
	}
	if !r.stateless {
		r.trying = r.s.table.Trying(r.s.now(), r.tx) // a resolver may take seconds
	}
	r.resolve(names)
}

// resolve asks for the addresses of the targets that are names. r must not be
// touched until forward runs, on whatever goroutine has the last answer.
func (r *request) resolve(names int) {
	var mu sync.Mutex
	answer := func(t *target, a netip.Addr, err error) {
		mu.Lock()
		t.addr, t.failed = netip.AddrPortFrom(a, t.addr.Port()), err != nil
		names--
		last := names == 0
		mu.Unlock()
		if last {
			r.forward()
		}
	}
	// The last answer may come, and r be gone, while the loop still runs: it
	// must not look at r after asking for the last name.
	asks := make([]*target, 0, names)
	for i := range r.targets {
		if r.targets[i].name != "" {
			asks = append(asks, &r.targets[i])
		}
	}
	resolver, by := r.s.resolver, limit.Source(r.from.Addr())
	for _, t := range asks {
		resolver.Resolve(by, t.name, func(a netip.Addr, err error) { answer(t, a, err) })
	}
}

// reachable drops targets without an address, of a family that the socket does
// not reach, and those that the policy refuses: what is left of the request goes on
// as if nobody had named them.
func (r *request) reachable() {
	r.targets = slices.DeleteFunc(r.targets, func(t target) bool {
		return t.failed || t.addr.Addr().Is6() && !r.s.six || !r.mayReach(t.addr)
	})
}
