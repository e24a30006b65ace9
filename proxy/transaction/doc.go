// Package transaction holds the state machines of a stateful proxy: RFC 3261
// sections 16.7 to 16.10 and 17, with RFC 6026 (a 2xx does not end an INVITE
// transaction), RFC 4320 (non-INVITE transactions) and RFC 3326 (why a call was
// cancelled).
//
// A [ResponseContext] is one request on its way through. Its parts own their fields,
// and each of the first two has one place where its state changes (become):
//
//   - server.go: the server transaction that the request arrived in (17.2);
//   - branch.go, client.go: each [Branch] is a client transaction that it left by
//     (17.1), which says what came of it as an outcome;
//   - context.go, downstream.go, upstream.go, best.go, group.go, ringing.go: the
//     response context that joins them, what it starts and cancels, what it passes
//     on, the best response (16.7).
//
// All this is a pure machine: an event and its time go in, actions come out; it knows
// no clock, no socket and no goroutine. A [Table] holds the contexts of a process in
// shards, each with a lock, a timer wheel and pools, and carries the actions out
// through an [Outlet].
//
// # Invariants
//
//   - All that is sent for one context is sent in order: the outlet is called
//     with the lock of its shard held, in the order of the events.
//   - Upstream gets at most one final response other than a 2xx to INVITE. Every
//     2xx to an INVITE goes upstream, at once, while the context is held.
//   - A CANCEL is sent to a branch after it answered provisionally, not before
//     (RFC 3261 9.1).
//   - Every context leaves the table: each state has a timer that ends it, and
//     what restarts a timer is a message from the network or a Fork. An INVITE
//     that rings ends whatever comes (Timers.Ring).
//   - Memory is bounded, in all and per context: what was received (once, without
//     body), what is retransmitted (once a branch), and at most one response kept.
//     It comes from pools and goes back to them; none of it is handed out beyond
//     the call. What lies idle in the pools is no more than what is in use and a
//     little.
//   - Of the targets of a group one is being tried, and the next one follows only
//     when that has failed for its flow's sake (RFC 5626 5.3). None follows what is
//     cancelled or answered.
//   - A branch that rings and whose flow is over takes answers still, and ends when
//     another one rings in its place, at the latest with Timer C.
//   - In steady state nothing here allocates.
//
// # Where this departs from the letter
//
//   - A 2xx to an INVITE goes upstream even if its client transaction is over,
//     as long as the context is held. RFC 6026 would drop it there; a caller that
//     knows of the answered call can hang it up, one that does not cannot.
//   - A CANCEL, and the ACK of a failure, are not transactions of their own
//     upstream: what answers them is the context, the same every time.
//   - An INVITE is answered 100 with its first branch, or when the caller says so
//     ([Table.Trying]), not 200 ms after it came (RFC 3261 17.2.1). Until then
//     another member of the cluster can still take it over: a process that was
//     cut off from the bindings must not keep the caller from trying again.
//   - The final response to a non-INVITE that nobody answered is silence (RFC
//     4320 4.2); a 408 from downstream to a non-INVITE is not passed on either.
//
// # Time
//
// Times are milliseconds on any clock that does not go back, as the caller
// passes them in. Timers fire up to one tick (20 ms) late, never early.
package transaction
