// Package fleet runs sipring proxies on one machine as a cluster would: each a
// process at a loopback address of a network that the fleet has for itself
// (network.go), under a supervisor that plays the kubelet (process.go: start,
// restart, readiness, and the faults that befall a container), while the
// operator's own membership code plays the operator (operator.go).
//
// The demo and the tests under hack/ build on it. Nothing of it outlives the
// program that uses it.
package fleet
