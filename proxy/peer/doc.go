// Package peer drives the state machines of proxy/cluster with real streams
// and time: one stream of frames between each pair of members, mutual TLS by
// the cluster's shared key, gossip beside it, one clock.
//
// The stream is what says whether a member is up. A stream that breaks is
// dialled again at once by the side that dials, and the port is probed by the
// other: refused, or not back in 250 ms, means down. A killed process is
// noticed within milliseconds. A ping every 150 ms and a bound of 700 ms
// without a frame notice silence; gossip (hashicorp/memberlist) shortens that
// bound to two pings for a member that it lost, and has a member that it sees
// dialled at once, but decides nothing alone.
//
// What a core sends enters the peers' queues before the core's lock is
// released, so frames of one core to one peer keep their order. Queues are
// bounded in bytes; one that is full breaks the stream for the cluster's own
// messages and drops the frames of the user, counted.
package peer
