// Package sim runs virtual members of a cluster, with virtual phones, a virtual network and a virtual operator, on a
// virtual clock, and checks what package cluster promises. A run is a pure function of its Config: the same seed of the
// same mode is the same run, so a failure is a name and a number to replay:
//
//	go test ./proxy/cluster/sim -run 'TestSim/^operator$' -seed=17 -seeds=1 -v -dump
//
// The members are the real state machines of package cluster. The world around them does what worlds do: members are
// killed, start again in place with the same ID and nothing in memory, join, leave; streams break and lose what was in
// them; links are slow; deaths are noticed at once or after a second; the operator's sets arrive late and at different
// times; clocks are off by seconds. At most R-1 members are down or not synced at a time: that is the promise.
//
// # Who does what
//
// The world has the clock, the queue of events, chance and the report; members are its processes and phones its users.
// Those who make it go on own what they know: the network carries messages (network.go) and cuts divides it, the operator
// publishes sets, the supervisor has members join and leave (leave.go), the saboteur has them fail (crash.go, stall.go,
// streams.go, suspicion.go), the director has one thing happen after the other (script.go), the judge checks what is
// answered (answers.go, check.go, copies.go, late.go), and the observer whether all are at rest (quiet.go).
//
// # Modes
//
// What is beyond that is in modes, each by itself, and "all" takes some of them at a time:
//
//   - base: the ordinary world; in half of the runs processes are stopped for seconds.
//   - hard: the next fault comes as soon as all members are synced and have met, without a rest.
//   - few: begins with as little as one member.
//   - operator: it believes what it sees after up to 20 s, is away for a minute, or does not see that a member is ready.
//   - sets: it tells half of the members late, who hear of a set from their peers; a process starts with an old one.
//   - epochs: a leader that was replaced publishes older, contradicting and later epochs.
//   - replicas: R changes between 1, 2 and 3.
//   - suspicion: members are taken for dead that live, by one or several others.
//   - bulk: the same, where it takes seconds to fetch a partition.
//   - partition, partial, oneway: the network is cut in two, between some members, or in one direction first.
//   - cutoff: a member starts where it reaches nobody.
//   - leave: members leave while others are down, down to the last; at the end all do.
//   - clocks: off by up to 15 minutes either way.
//   - slow, queues: a process late with all it does; queues that fill up until their streams break.
//   - expiry: bindings of seconds, and processes that are stopped.
//   - frozen: processes are stopped and their clocks with them.
//   - contacts: Contact: *, fetches, phones that begin anew with another Call-ID.
//   - restarts: phones that begin again at CSeq 1 with the same Call-ID, a minute after their binding ended.
//   - budget: there is room for some of the phones only, and a share of it for each of three sources and two domains.
//   - replays: others see what phones prove, and use it again, when it was acknowledged: in requests of their own, through
//     any member.
//   - claims: flows are claimed, by way of any member, from the owner that some member knows.
//   - strays: copies of requests are ordered up to 32 s late, through any member; phones remove what is not there.
//
// # What is checked
//
//  1. acknowledged: a lookup by any member, and a fetch, finds every acknowledged binding that has not expired, or a
//     newer state of it. It never says that there is none, and never fails to answer.
//
//  2. stale: it returns no contact that was removed, and no superseded state, once that was acknowledged.
//
//  3. agreement: within a bound after the last fault the members have one ring, hold all of it, and the owners of a
//     partition have the same content. A member that leaves does so within drainSeconds, and at once if all do.
//
//  4. copies: a REGISTER is answered 200 only when min(R, live) members hold the result.
//
//  5. order: no REGISTER is refused for its CSeq though it is the phone's newest.
//
//  6. answered: every REGISTER is answered in time, with whatever.
//
//  7. room: no phone that is bound is refused for want of room, whatever it asks for, but by the side of a cut that does not
//     know of it.
//
//  8. served: none is answered 503 while the network is whole, fewer than R members are down, and nothing has happened
//     for two seconds, by a member that has not been stopped; and none 200 by a member that reaches nobody. Where a partition
//     is much, and a member has taken R others for dead that live, it takes more: all have to fetch it from each other.
//
//  9. replay: nothing that was proved with an acknowledged request is taken with another one, and no phone's own request is
//     taken for a replay, but where there is little room, or another one's Contact: * has removed what it bound. Phones
//     prove who they are where others replay, and in half of all other runs.
//
// # How far the promise goes
//
// While members are cut off from each other, a side that lacks fewer than R members keeps every promise to the phones
// that speak to it alone. Elsewhere nothing is judged until the cut has healed and all have compared; then what a phone
// was acknowledged through one side alone must be there, because nobody contradicted it. Of what it did through
// several, any may be left. So may be a late copy of an old request, where who orders it is cut off from R members or
// more, or takes as many for dead, and can not know what came after it, though it came while the copy waited there.
// While members that live are taken for dead reads are not judged; all that was acknowledged must be there afterwards.
// A member that has been cut off from the start may refuse, but not answer wrongly, unless its set, which is old or of
// an operator that is late, lists no other as active: that is what a first start looks like. It is judged again when it
// has heard of the others and has taken back that it is synced; what it has ordered until then may be what is left. One
// whose clock stood still with it does not know that it was away: what it is asked until it has been told is not
// judged. A member that has waited drainSeconds in vain exits, and counts as one more that is down.
//
// While members that live are taken for dead, or the network is cut, who orders a replay may not know of the request. So a
// replay is not judged then; what was acknowledged meanwhile must be known afterwards.
//
// A binding may outlive its time by all that members were stopped for meanwhile: each gives it to others with the time that
// it still has there. A copy of a request that is under way while another phone of the AOR sends Contact: * may be ordered
// after that, and is what is left then: what would tell that it is old is gone, and REGISTERs of two Call-IDs have no order
// (RFC 3261 section 10.3).
package sim
