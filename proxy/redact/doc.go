// Package redact writes a SIP message for a person who looks for a fault: who asked whom for what, by which way, and not
// what would let the reader speak in another's place, or read what was said.
//
// What is shown is a list (RFC 3261's headers, and those of its kind, of which this program knows what is in them). Of any
// other header there is the name and how much it holds: so a credential in a header that nobody here has heard of is not
// shown either. In what is shown
//
//   - there is no body, nor a header that a person wrote for another (Subject);
//   - URIs have no password and no headers (RFC 3261 19.1.1), which may hold credentials;
//   - words that are as long as our tokens (Record-Route, Via) are cut, and so are the branches of any Via: enough is left to
//     tell one from another;
//   - lines are not folded, and they and the whole are bounded.
package redact
