// Package peer drives the state machines of proxy/cluster with real streams
// and time: one stream of frames between each pair of members, mutual TLS by
// the cluster's shared key, one clock.
//
// The stream is what says whether a member is up. A stream that breaks is
// dialled again at once by the side that dials, and the port is probed by the
// other: refused means down, so a killed process is noticed within
// milliseconds. A ping every 150 ms and a bound of 700 ms without a frame notice
// silence, after which the peer has 250 ms to answer anew; among more than 61
// members pings are rarer, and the bound is longer by what two of them are late.
// One whose stream broke otherwise has 950 ms. Nobody watches on another's behalf:
// each has a stream to every other.
//
// A stream that stands says that the process lives; that it serves, a watchdog
// proves: the clock's loop visits every core, and when for 700 ms no round of it
// is completed, though the process has the CPU, the process tells its peers that
// it is away, ends all streams and takes neither new ones nor operations until
// rounds are completed again. Peers count it as down at that word, after one
// redial. A core, the membership or a callback that hangs is so an ordinary death.
//
// A process that was stopped asks its peers before it serves. It knows of a stop
// by CLOCK_MONOTONIC (no CPU), by CLOCK_BOOTTIME (a suspended machine) and by a
// wall clock that was set ahead (a paused virtual machine, late). A pause during
// which every clock stood still it learns of by its peers: the first ping meets a
// connection that is gone, the next stream begins with their word. Until then,
// about 200 ms, it may answer lookups from before; updates it cannot acknowledge.
//
// The port is open to whoever reaches it. A connection that has proved nothing
// takes a place, of which there are 256 for members' addresses, 64 for each, and
// 64 and 16 for all others; the oldest makes room for the next, so nobody waits
// for those who only hold connections. It may send 16 KiB in two seconds. The
// first message of TLS carries the proof that the caller holds a key of the
// cluster, made for this connection and checked before the handshake; who gives
// none is allowed few handshakes. So a member comes in whatever others do, at its
// own address too.
//
// A Node is a facade over its parts, each of which has its state and its lock:
// front takes operations to cores, locator asks whose a contact is, links is the
// table of links, each of which keeps a stream up, door lets peers in, delivery
// gives each frame to whom it is for, membership makes the view, pace lets time
// pass, watchdog sees whether it does. assemble.go says who knows whom, and in
// which order locks are taken. An operation takes the lock of one core, and of a
// link and its stream for what it sends; the views and tables that it reads are
// replaced as a whole and never changed.
//
// What a core sends enters the peers' queues before the core's lock is
// released, so frames of one core to one peer keep their order. Queues are
// bounded in bytes; one that is full breaks the stream for the cluster's own
// messages and drops the frames of the user, counted.
//
// The frames are our own and not gRPC's, for speed: with 32 updates under way
// at once an update and its confirmation cost 0.9 us of CPU, both ends and TLS
// included, over one bidirectional gRPC stream with a codec that passes bytes
// 3.9 us; with 1024, 0.3 us and 4.9 us; with one at a time, where system calls
// are all there is, 23 us and 24 us. gRPC allocates 20 times for each, we do
// not. The figures are of 2 cores:
//
//	go test ./proxy/peer -run xxx -bench 'Stream|GRPC' -benchtime 100000x -count 3
package peer
