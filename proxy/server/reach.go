package server

import (
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/targets"
)

// reach gives every target its flow, and then forwards: at once, or when the last
// one is there, on whatever goroutine that comes.
func (r *request) reach() progress {
	waits := slices.ContainsFunc(r.targets, func(t targets.Target) bool { return t.To.Host != "" && !t.Failed })
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
	return r.reached()
}

// find finds a target's flow: the connection that the callee has, or one to the
// address of its destination.
func (r *request) find(i int) {
	switch t := &r.targets[i]; {
	case t.Failed:
		r.end(r.reached())
	case t.Held.Conn != 0:
		t.Next = t.Held
		r.end(r.reached())
	case t.To.Host != "":
		r.s.resolver.Resolve(limit.Source(r.from.Remote.Addr()), t.To.Host, func(a netip.Addr, _ error) {
			t.To.Addr = netip.AddrPortFrom(a, t.To.Addr.Port())
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
	if t.Failed = t.To.Addr.Addr().IsValid() && !r.mayReach(t.To.Addr); t.Failed {
		r.end(r.reached())
		return
	}
	r.s.layer.Open(t.To, r.opened[i])
}

// opens returns what takes the flow of the i-th target. It is made once for each
// place in the list.
func (r *request) opens(i int) func(flow.Flow, error) {
	return func(f flow.Flow, err error) {
		t := &r.targets[i]
		t.Next, t.Failed = f, err != nil
		t.Next.Socket = r.from.Socket
		r.end(r.reached())
	}
}

// reached counts the targets that have a flow, or never will. With the last one the
// request is forwarded.
func (r *request) reached() progress {
	if r.unreached.Add(-1) != 0 {
		return waits
	}
	return r.forward()
}
