// Package transport moves messages between sockets and the proxy and says where
// a URI or a response goes. What uses it knows Layer, Handler and flow.Flow, and
// no transport by name: another one is another Layer in the Stack.
//
// # Invariants
//
//   - One loop, one socket, one goroutine, one buffer: a datagram is handled
//     to completion before the next is read from the same socket, so messages
//     of one source keep their order (the kernel chooses the socket by the
//     source's address and port).
//   - The bytes a Handler is given are valid during the call only.
//   - Each listener has sockets of its own. A flow that came by one leaves by it, and
//     so does one that is opened to a destination that names it.
//   - Send and Answer may be called from any goroutine, and neither waits nor allocates.
//   - An answer leaves by the time that its loop has handled what it read together with
//     the request, at most batchSize datagrams, or smallBuffer bytes of a connection;
//     where only one came, at once.
//   - A connection has one goroutine, which does its handshakes, reads, and hands
//     messages on in their order; another one only while what was sent to it is queued.
//     While nothing comes it has no buffer.
//   - Nobody waits for a connection: Send queues, within a bound, above which the
//     connection is over.
//   - Each connection that became a flow is told to Handler.Closed once, after its last
//     message was handled. A number is given once in a process's life.
//   - Connections are bounded in number, in total and for each source, in what they
//     hold of messages that are not whole, and in how long each of their states may
//     last.
//   - Over UDP nothing is kept per source: no flood of spoofed addresses grows memory.
//   - Addresses are plain: an IPv4 address is never IPv4-mapped IPv6.
//   - What comes back as an ICMP error is told to Handler.Closed, and fails no
//     other datagram. Nothing else on UDP tells that one was lost.
//   - Name resolution never runs on a loop. Its cache, its queries and the time
//     of one are bounded, and who asks for many names, or has many ask for those
//     of one domain, keeps nobody else from being answered.
package transport
