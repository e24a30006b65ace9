// Package membership decides who is a member of a cluster: from pods, nodes and
// the members' own reports it makes the member set that the proxies follow, the
// endpoints that steer traffic, and what changed. It is pure: no clock, no I/O,
// no Kubernetes type, so that whoever plays the operator's part decides alike.
//
// Rules, by pod:
//
//	finished, or without address                        not a member
//	asked to go, its process ended                      not a member
//	on a lost node                                      joining
//	asked to go, its process running                    draining
//	not ready                                           joining
//	ready                                               active
//	ready, suspected by more than half of the others    joining, and named in Evicted
//
// A member that was active and is not ready any more has lost what it held or
// cannot be trusted to answer: it leaves the ring and joins again. An evicted
// member stays in the set as joining, so that the others keep trying to reach it
// and can say when they do; it carries no traffic meanwhile. So does one on a lost
// node until its pod is gone: only its kubelet is silent, and the transactions
// that a process begins end with it alone.
//
// Invariants, whatever the input:
//
//   - The set is valid (config.MemberSet.Validate) and does not depend on the
//     order of the input.
//   - The epoch never falls, and grows exactly when the set changes or the record
//     of it was lost or set back; deciding again from the result changes nothing.
//   - A ring that had active members is not published empty while one of them
//     still has an address and was not asked to go: if all of them turn not
//     ready at once the likely cause is what watches them, so the last active
//     ones are kept (Held).
//   - A member is evicted only by more than half of the other live members,
//     those evicted before it no longer counted; eviction never empties the ring.
package membership
