// Package digest reads, checks and makes what digest access authentication puts
// into SIP messages: challenges, the responses to them and nonces (RFC 7616, RFC
// 8760, RFC 3261 section 22). It has no clock, no state of phones and no secrets of
// users: who asks for what, how old a nonce may be, and whether a count was used
// before, is for its callers to say.
//
// # Invariants
//
//   - A nonce is good on every member that holds the keys, and kept by none of them.
//     What [Keys.ParseNonce] takes is, byte for byte, what a holder of the keys made
//     for that realm and, if it is bound, that source.
//   - Sizes are bounded by [MaxValue], [MaxParams] and [NonceLen], whatever the input.
//   - Secrets are compared in constant time. How long [Verifier.Verify] takes depends on
//     what phones wrote, never on the secret that it is compared with.
//   - In steady state reading, verifying and making nonces does not allocate.
//   - Liberal where nobody gains by it: the case of words, quotes around values that
//     have none in the grammar or none where it has them, a count without leading
//     zeros, a response in upper case. What is hashed are the bytes that the phone wrote.
//
// # Which answer to what
//
// [Parse] tells four kinds of fault apart, as they call for different answers:
// [ErrScheme] is a field that is not of this scheme, to be passed over; [ErrMissing] is
// one that lacks what a proof needs, which phones send before they were ever
// challenged, so it is answered with a challenge, as if it were not there;
// [ErrUnsupported] asks for something that was never offered, likewise; [ErrMalformed] is
// a fault of the sender (400).
//
// # The nonce
//
// 28 characters of base64url: the ID of the key (1 byte), an ID (8 bytes, [NonceID]), and
// HMAC-SHA256, truncated to 96 bits, of the purpose, the ID, the realm and the source. Of
// two IDs the greater was made later. The format is a contract between
// versions that run side by side.
//
// # What is not done
//
// auth-int (RFC 7616 section 3.3) would need the body as the phone wrote it, and is not
// offered. userhash and username* (section 3.4.4) are not offered. The session key of
// -sess algorithms is computed of each request's own cnonce: a phone that changes it and
// goes on to use the key of its first request, as section 3.4.2 has it, is challenged anew,
// since nothing of a phone is kept.
package digest
