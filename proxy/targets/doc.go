// Package targets says where a request may go (RFC 3261 16.5): what a source of
// targets makes of what is known of the callee. Each source is a file: the
// bindings of an address-of-record, one binding whose contact was called, the far
// end of a dialog.
//
// # Invariants
//
//   - A Target is made of a binding or of a token that verifies, and of nothing
//     else that came in a message.
//   - Targets hold views into the record or the request that they were made of.
//   - What asks for a transport that is not served makes none.
package targets
