// Package flow is the way a message came and another one goes: which transport,
// to whom, and at which member the connection is (RFC 5626).
//
// # Invariants
//
//   - A Flow is a value: it holds no socket and keeps nothing alive. Who has one
//     may store it, encode it and hand it to another member; whether it can still
//     be sent to is known at its Owner, in that Life, alone.
//   - Every encoding is canonical: the bytes that parse are those that Append
//     writes for what they say.
//   - A flow of the first listener is encoded as if there were no other: what a
//     cluster of one listener writes is what earlier versions did.
//   - Socket is a hint within one process. It is neither encoded nor compared.
package flow
