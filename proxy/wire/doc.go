// Package wire is the wire view of a SIP message: an index over the bytes that arrived, typed access on demand,
// and edits that are splices over those bytes.
//
// A message is scanned once (Message.Scan) into spans over its raw bytes. Nothing is copied, nothing is decoded
// and nothing is put into another form: what a proxy does not edit leaves as it came, byte for byte, whether this
// package understands it or not (RFC 3261 16.6).
//
// # Invariants
//
//   - Message.Raw is exactly one message: line ends before the start line (RFC 3261 7.5) and bytes after the body
//     (RFC 3261 18.3) are not part of it. Every Span of a Message lies inside Raw.
//   - Header lines do not overlap, are in order, and each ends with its line end; together with the start line and the
//     blank line they are all of Raw before Body, except header lines that were refused with an error.
//   - Everything that returns []byte returns a view into Raw (or into the argument). It is valid while those bytes
//     are. Nothing here writes to Raw.
//   - After warm-up (slices have grown to the size of the traffic) Scan, the typed accessors, Edit and AppendResponse
//     do not allocate. Errors are prepared values too.
//   - No input panics. Time is linear in the size of the input, with two exceptions that are bounded: an operation of Edit
//     looks at the edits so far, and EqualURI compares up to 16 parameters with up to 16 others.
//
// # What is tolerated, and what is not
//
// Lines may end with a bare LF; a CR that no LF follows is refused, so that no next hop can see a line end where this
// package saw none, and so is any other control character in the head of a request, unless it is a quoted-pair (RFC 4475
// 3.1.1.2): 400. Of a response only CR and NUL are refused, which drops it. Header names may be in any case or compact form, with white space before the colon. Folded lines
// (RFC 3261 7.3.1) are kept as they are: a value may hold CR LF followed by white space in the middle, and all parsers of
// this package take that as white space. Bytes from 0x80 up
// are let through in URIs, display names and parameters.
//
// A header line that is not one (no colon, a name that is no token) makes Scan fail, but the rest is still indexed, so
// that AppendResponse can answer with the error's status.
//
// # Concurrency
//
// Message and Edit are not safe for concurrent use while Scan, Reset or an operation runs. A Message that was scanned may
// be read by many goroutines, except while Validate runs, which keeps its error and what it has parsed in the Message.
package wire
