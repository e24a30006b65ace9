// Package memberset brings the published member set to a proxy: from the file
// that is the mounted ConfigMap (and, without Kubernetes, the only source), and
// from the Kubernetes API, which is seconds faster than the kubelet's copy. It
// also writes what the proxy suspects into the proxy's own Lease. It is the one
// package of the proxy that knows Kubernetes.
//
// Invariants:
//
//   - The newest epoch wins, whichever source tells it. What cannot be read, is
//     not believed, is older, or contradicts the set of the same epoch is ignored,
//     counted, and logged once for each new content; the last good set stays in
//     force.
//   - Nothing here waits for the API before it calls back: the file is read
//     first and followed all the time, so a proxy starts while the API is away.
//   - The API is spared: one watch for one object, one request for one changed
//     report, jittered exponential backoff after every failure.
package memberset
