package location

import "github.com/sipring/sipring/proxy/flow"

// A phone behind a NAT is reached through one member, the owner of its flow: the one that its
// packets come to. When they come to another one that takes the flow over. That is a state of the
// binding like any other, with a version above the one before and the REGISTER of that, so it merges
// and orders as those do: of two members that claim a flow the later one has it at every copy, and a
// REGISTER that comes after either, or was sent after and is found beside it (Reordered), wins.

// claim has a member take over the flows that an update names, in place.
func (r Record) claim(now int64, u *Update, stamp Version) Result {
	res := Result{Status: StatusOK}
	stamp.Counter = max(stamp.Counter, r.MaxCounter()+1)
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if !e.live(now) {
			continue
		}
		f := e.flow()
		if !f.IsOwnedUDP() || !f.Equal(u.Flow) || (Owner{f.Owner, f.Life}) != u.From {
			continue
		}
		b := e.view()
		b.Flow.Owner, b.Flow.Life, b.Version = u.Flow.Owner, u.Flow.Life, stamp
		putHead(e, &b)
		res.Changed, res.Stamp = true, stamp
	}
	return res
}

// Owned calls f with the flow of each live binding that leads by way of one member over UDP.
func (r Record) Owned(now int64, f func(flow.Flow)) {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.live(now) && flow.Transport(e[atTransport]) == flow.UDP && le.Uint32(e[atLife:]) != 0 {
			f(e.flow())
		}
	}
}
