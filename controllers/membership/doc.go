// Package membership decides who is a member of a cluster: from pods, nodes and
// the members' own reports it makes the member set that the proxies follow, the
// endpoints that steer traffic, and what changed. It is pure: no clock, no I/O,
// no Kubernetes type, so that whoever plays the operator's part decides alike,
// and one that begins anew goes on where the last one was: all it needs to know
// of the past is in the set published last.
//
// Rules, by pod:
//
//	finished, or without address                        not a member
//	asked to go, its process ended                      not a member
//	asked to go, on a lost node                         joining
//	asked to go, its process running                    draining
//	its process ended, or its node was deleted          joining
//	in the ring, its process running                    active
//	ready or saying that it serves, its node heard of   active
//	active, suspected by more than half of the others   joining, and named in Evicted
//	anything else                                       joining
//
// What watches a member (a probe, a kubelet, the node's heartbeat) may fail while
// the member does not, and may fail for many one after the other. So a member
// leaves the ring for what is certain (it is asked to go, its process ended, or its
// node was taken away, so that its pod is about to be)
// or because those say so who would miss it, and never for not being ready or
// for its node not being heard of. To come in, or back, each has to prove that
// it serves.
//
// A process that is new, or has lost what it held, is no danger in the ring: its
// peers know by themselves and leave it out until it is filled. Nor is one on a
// node that is really gone: they suspect it within a second. What members on
// nodes that are heard of say, more than half of them, is enough there: those on
// lost nodes may not be able to say anything.
//
// Traffic follows the ring, but for a member that says itself that it does not
// serve (or not yet, or has said nothing since it began again) and is not ready:
// phones are sent elsewhere, unless that is so of all.
//
// An evicted member stays in the set as joining, so that the others keep trying
// to reach it and can say when they do; it carries no traffic meanwhile.
//
// Invariants, whatever the input:
//
//   - The set is valid (config.MemberSet.Validate) and does not depend on the
//     order of the input.
//   - The epoch never falls, and grows exactly when the set changes or the record
//     of it was lost or set back; deciding again from the result changes nothing.
//   - Whatever is said of readiness and nodes, in whatever order, a member of the
//     ring whose process runs, that was not asked to go, whose node was not deleted
//     and that nobody suspects stays in it. So without votes the ring shrinks by
//     processes that ended and by pods and nodes that are removed alone.
//   - A ring that had active members is not published empty while one of them
//     still has an address and was not asked to go: the last active ones are kept.
//     Held says that nothing vouches for any of those in the ring.
//   - Where somebody is in the ring somebody gets traffic.
//   - A member is evicted only by more than half of the other live members, those
//     evicted before it no longer counted, or by more than half of those on nodes
//     that are heard of where its own is not; eviction never empties the ring.
package membership
