// Package sim runs virtual members of a cluster, with virtual phones, a virtual network and a virtual operator, on a
// virtual clock, and checks what package cluster promises. A run is a pure function of its Config: the same seed is the
// same run, so a failure is a number to replay:
//
//	go test ./proxy/cluster/sim -run Sim -seed=17 -seeds=1 -v
//
// The members are the real state machines of package cluster. The world around them does what worlds do: members are
// killed, start again in place with the same ID and nothing in memory, join, leave; streams break and lose what was in
// them; links are slow; processes stop for seconds; deaths are noticed at once or after a second; the operator's sets arrive late and at different
// times; clocks are off by seconds. At most R-1 members are down or not synced at a time: that is the promise.
//
// # What is checked
//
//  1. acknowledged: a lookup by any member finds every acknowledged binding that has not expired, or a newer state of
//     it. It never says that there is none, and never fails to answer.
//  2. stale: a lookup returns no contact that was removed, and no superseded state, once that was acknowledged.
//  3. agreement: within a bound after the last fault the members have one ring, hold all of it, and the owners of a
//     partition have the same content.
//  4. copies: a REGISTER is answered 200 only when min(R, live) members hold the result.
//  5. order: no REGISTER is refused for its CSeq though it is the phone's newest.
package sim
