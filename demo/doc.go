// Package demo shows the main job on one machine in seconds: proxies as
// processes on loopback addresses, simulated phones that register and call, a
// proxy that is killed, and what the phones lost (nothing). It needs no
// Kubernetes, no container engine and no root.
//
// Package fleet plays the kubelet (start, restart, readiness) and, with the
// operator's own membership code, the operator. The cluster's address is a
// loopback address that every proxy binds, as on the nodes of a cluster whose
// address is announced by each: the kernel spreads the phones over the proxies
// that live.
package demo
