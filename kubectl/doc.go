// Package kubectl is the plugin `kubectl sip`: what a person asks of a SIPCluster and
// of its proxies, and does to them.
//
// What names no subscriber is asked of a proxy's admin port through the API server
// (the right is get pods/proxy). Where that does not get there, or is not allowed, it is
// asked by running `sipring admin` in the proxy's container (create pods/exec). What
// names a subscriber is asked by running `sipring where` and the like there, so that the
// API server's audit log says who asked about whom. No port is opened for any of it.
//
// # Invariants
//
//   - A proxy that does not answer hides nothing of the others: what is missing is said.
//   - An answer of a proxy is bounded in size and time, whatever it sends.
//   - What others have chosen (contacts, causes, messages) reaches a terminal as
//     printable characters alone.
//   - An error for want of a right names the right.
package kubectl
