// Package auth says who may register and who may call (RFC 3261 22, 10.3 steps 3 and 4,
// 16.3 step 6): users by digest (RFC 7616, RFC 8760), sources by their address, and
// everybody else by one rule. It is a policy of package routing, a Gate, that decides
// nothing but refusals: a challenge, 403, 400 for credentials that cannot be read, 503
// while the source of credentials is away.
//
// # Invariants
//
//   - Nothing is kept of a challenge: a nonce says itself when and for whom it was made,
//     so any member takes what another one asked for.
//   - For a user that does not exist the same is computed, and answered, as for one that
//     does. A source that is away is answered 503, never as if there were no such user.
//   - Who fails often is answered late, then for a while not at all, and so is who tries
//     many users from one source; whoever authenticates well from there is not. What that
//     takes is memory of a fixed size.
//   - Of a user's calls those are counted that this member is setting up, which it knows
//     for certain and which all end; those that are answered are not, as nobody knows it.
//   - ACK and CANCEL are never challenged (RFC 3261 22.1), nor is the BYE of a dialog
//     with a token of ours: it begins nothing.
//   - What is decided of a request does not depend on which member decides, but for the
//     failures it has seen.
//   - In steady state nothing here allocates for a user whose credentials are known.
package auth
