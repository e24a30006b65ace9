package kubectl

import (
	"slices"
	"strings"
	"time"

	"github.com/sipring/sipring/api/v1alpha1"
)

// failover is the loss of one member, as the others saw it. Milliseconds are from the
// moment when the first one noticed, by the clocks of the proxies.
type failover struct {
	Time   time.Time `json:"time"`
	Member string    `json:"member"`
	// Cause in the word of the SIPCluster's status; empty where that has another failover.
	Cause string `json:"cause,omitempty"`
	// Noticed has those that lost the member, in the order in which they did.
	Noticed []notice `json:"noticed"`
	// Rings has those that went on without it, likewise.
	Rings []ringWithout `json:"rings"`
	// Milliseconds until the last of these had its ring, and bindings re-homed by all.
	Milliseconds int64 `json:"milliseconds"`
	Rehomed      int   `json:"rehomedBindings"`
	// Back is when the last of them had it in the ring again; nil if it is not known.
	Back *int64 `json:"backMilliseconds,omitempty"`
}

// sameFailover is how far apart a proxy and the status may date one failover.
const sameFailover = 10 * time.Second

// is says that it is the one that the status has.
func (f *failover) is(of *v1alpha1.FailoverStatus) bool {
	return of != nil && f.Member == of.Member && f.Time.Sub(of.Time.Time).Abs() < sameFailover
}

// lastFailover is the newest that the status or the proxies know of. The status has the
// figures of all that saw it, of whom some may have been replaced since.
func lastFailover(of *v1alpha1.FailoverStatus, known []failover) *failover {
	var last *failover
	if len(known) > 0 {
		last = &known[len(known)-1]
	}
	if of == nil || last != nil && !last.is(of) && last.Time.After(of.Time.Time) {
		return last
	}
	f := failover{Time: of.Time.Time, Member: of.Member, Noticed: []notice{}, Rings: []ringWithout{}}
	if last != nil && last.is(of) {
		f = *last
	}
	f.Cause, f.Milliseconds, f.Rehomed = of.Cause, of.Milliseconds, int(of.RehomedBindings)
	return &f
}

// forgotten are the other members that answer and know nothing of that time any more:
// their pods were replaced since, or too much has happened.
func (f *failover) forgotten(all []proxy) (names []string) {
	for i := range all {
		x := &all[i]
		by := x.pod.Name
		if by == f.Member || x.err != nil || x.eventsErr != nil || slices.ContainsFunc(f.Noticed, func(n notice) bool { return n.By == by }) {
			continue
		}
		if len(x.events) == 0 || x.events[0].time().After(f.Time) {
			names = append(names, by)
		}
	}
	return names
}

type notice struct {
	By           string `json:"by"`
	Milliseconds int64  `json:"milliseconds"`
	Cause        string `json:"cause"`
}

type ringWithout struct {
	By           string `json:"by"`
	Milliseconds int64  `json:"milliseconds"`
	Members      int    `json:"members"`
	Rehomed      int    `json:"rehomedBindings"`
}

// together is how long after the first one others may notice the same loss: longer
// than silence takes to be taken for one.
const together = 30 * time.Second

// loss is a member that one proxy lost, and its ring after that.
type loss struct {
	by, member, cause string
	at                time.Time
	out               *proxyEvent // the ring without it
	back              *proxyEvent // the first one with it again; nil where there was none
	rehomed           int
}

// failovers finds the losses of members in what proxies saw, oldest first. A member
// that leaves as it was asked to is out of the ring before it is lost, and is none.
func failovers(all []proxy) []failover {
	names := memberNames(all)
	var losses []loss
	for i := range all {
		losses = append(losses, lossesOf(all[i].pod.Name, all[i].events, names)...)
	}
	slices.SortStableFunc(losses, func(x, y loss) int { return x.at.Compare(y.at) })
	var found [][]loss
	for _, l := range losses {
		i := slices.IndexFunc(found, func(f []loss) bool {
			return f[0].member == l.member && l.at.Sub(f[0].at) < together && !slices.ContainsFunc(f, func(x loss) bool { return x.by == l.by })
		})
		if i < 0 {
			found = append(found, []loss{l})
			continue
		}
		found[i] = append(found[i], l)
	}
	var result []failover
	for _, f := range found {
		if slices.ContainsFunc(f, func(l loss) bool { return l.out != nil }) {
			result = append(result, summary(f))
		}
	}
	return result
}

// lossesOf reads the events of one proxy.
func lossesOf(by string, events []proxyEvent, names map[uint32]string) (losses []loss) {
	var ring []string
	known := false
	for i := range events {
		switch e := &events[i]; e.Kind {
		case "ring_changed":
			ring, known = ringOf(e), true
		case "peer_lost":
			member := names[e.Member]
			if member == "" || known && !slices.Contains(ring, member) {
				continue
			}
			l := loss{by: by, member: member, cause: e.Detail, at: e.time()}
			l.follow(events[i+1:])
			losses = append(losses, l)
		}
	}
	return losses
}

// follow reads what came of it.
func (l *loss) follow(events []proxyEvent) {
	for i := range events {
		e := &events[i]
		switch {
		case e.Kind == "rehomed" && l.out != nil && l.rehomed == 0 && l.back == nil:
			if events[i-1].Kind == "ring_changed" && &events[i-1] == l.out {
				l.rehomed = e.Count
			}
		case e.Kind != "ring_changed":
		case l.out == nil:
			if slices.Contains(ringOf(e), l.member) || e.time().Sub(l.at) > together {
				return
			}
			l.out = e
		case slices.Contains(ringOf(e), l.member):
			l.back = e
			return
		}
	}
}

// ringOf are the members of the ring, of "2 members: a, b".
func ringOf(e *proxyEvent) []string {
	_, list, _ := strings.Cut(e.Detail, ": ")
	return strings.Split(list, ", ")
}

func summary(losses []loss) failover {
	start := losses[0].at
	after := func(t time.Time) int64 { return t.Sub(start).Milliseconds() }
	f := failover{Time: start, Member: losses[0].member}
	back, all := int64(0), true
	for _, l := range losses {
		f.Noticed = append(f.Noticed, notice{l.by, after(l.at), l.cause})
		if l.out == nil {
			continue
		}
		f.Rings = append(f.Rings, ringWithout{l.by, after(l.out.time()), l.out.Count, l.rehomed})
		f.Rehomed += l.rehomed
		f.Milliseconds = max(f.Milliseconds, after(l.out.time()))
		if l.back == nil {
			all = false
			continue
		}
		back = max(back, after(l.back.time()))
	}
	slices.SortStableFunc(f.Rings, func(x, y ringWithout) int { return int(x.Milliseconds - y.Milliseconds) })
	if all {
		f.Back = &back
	}
	return f
}
