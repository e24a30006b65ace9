// Package forward makes what leaves of what came (RFC 3261 16.6 and 16.7): a
// function of the request, the decision on it, its target and the proxy's names
// and keys. It knows no socket, clock or state.
//
// # Invariants
//
//   - What leaves is what came, byte for byte, but for the edits of RFC 3261 16.6.
//   - Branches are a function of the request, the target and the keys alone, the
//     same on every pod.
//   - No pod's address is in Via sent-by or Record-Route when an address is
//     advertised.
//   - Where the cluster has an address of each family, who is sent something is told
//     of the one of its own.
//   - In steady state nothing here allocates.
package forward
