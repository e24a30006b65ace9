package server

import (
	"net/netip"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// target is one place a request goes to.
type target struct {
	uri     []byte                // Request-URI; nil: as it came
	path    []byte                // Route values that come before those of the request (RFC 3327)
	strict  []byte                // URI of the next hop, if that is a strict router
	to      transport.Destination // of the next hop
	next    flow.Flow             // to it, once that is found
	failed  bool                  // there is none
	held    flow.Flow             // the callee's flow, where it is not its contact's address
	group   uint64                // of the phone it is a way to, if it said which; its flows are tried one after the other
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
	case b.Flow.IsValid():
		t.setFlow(b.Flow)
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

// setFlow has the request go over the callee's own flow.
func (t *target) setFlow(f flow.Flow) {
	t.to, t.held = transport.Destination{Transport: f.Transport, Addr: f.Remote}, f
}

func (t *target) setDestination(uri *wire.URI) {
	to, ok := transport.URIDestination(uri)
	t.to, t.failed = to, !ok
}

// reach gives every target its flow, and then forwards: at once, or when the last
// one is there. r must not be touched after.
func (r *request) reach() {
	waits := slices.ContainsFunc(r.targets, func(t target) bool { return t.to.Host != "" && !t.failed })
	if waits && !r.stateless {
		r.trying = r.s.table.Trying(r.s.now(), r.tx) // a resolver may take seconds
	}
	for i := len(r.opened); i < len(r.targets); i++ {
		r.opened = append(r.opened, r.opens(i))
	}
	r.unreached.Store(int32(len(r.targets)) + 1) // 1: this loop, which looks at r until it is over
	for i := range r.targets {
		r.find(i)
	}
	r.reached()
}

// find finds a target's flow: the connection that the callee has, or one to the
// address of its destination.
func (r *request) find(i int) {
	switch t := &r.targets[i]; {
	case t.failed:
		r.reached()
	case t.held.Conn != 0:
		t.next = t.held
		r.reached()
	case t.to.Host != "":
		r.s.resolver.Resolve(limit.Source(r.from.Remote.Addr()), t.to.Host, func(a netip.Addr, err error) {
			t.to.Addr = netip.AddrPortFrom(a, t.to.Addr.Port())
			r.dial(i)
		})
	default:
		r.dial(i)
	}
}

// dial opens the flow to a target whose address is known, or not to be found, if
// the policy lets a request go there.
func (r *request) dial(i int) {
	t := &r.targets[i]
	if t.failed = t.to.Addr.Addr().IsValid() && !r.mayReach(t.to.Addr); t.failed {
		r.reached()
		return
	}
	r.s.layer.Open(t.to, r.opened[i])
}

// opens returns what takes the flow of the i-th target.
func (r *request) opens(i int) func(flow.Flow, error) {
	return func(f flow.Flow, err error) {
		t := &r.targets[i]
		t.next, t.failed = f, err != nil
		t.next.Socket = r.from.Socket
		r.reached()
	}
}

// reached counts the targets that have a flow, or never will. The last one has the
// request forwarded.
func (r *request) reached() {
	if r.unreached.Add(-1) == 0 {
		r.forward()
	}
}

// reachable drops targets without a flow: what is left of the request goes on as if
// nobody had named them.
func (r *request) reachable() {
	r.targets = slices.DeleteFunc(r.targets, func(t target) bool { return t.failed || !t.next.IsValid() })
}
