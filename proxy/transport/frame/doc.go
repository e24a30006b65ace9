// Package frame finds the messages in a stream of bytes (RFC 3261 18.3): by
// Content-Length, with the line ends between them, which keep flows alive (RFC 5626
// 3.5.1).
//
// # Invariants
//
//   - It is pure, and does not allocate: bytes in, what they begin with out.
//   - Each byte is looked at a bounded number of times, however few come at once.
//   - Where a header ends and what its Content-Length says is what package wire says:
//     what is one message here is one there.
//   - No more than MaxHeader and MaxBody bytes are ever asked for.
package frame
