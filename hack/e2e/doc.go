//go:build linux

// Command e2e proves sipring's promise on a real Kubernetes cluster of several
// nodes: phones register once, calls are set up, and then proxies are killed,
// deleted, scaled and cut off, and given other keys, while phones are called and calls
// are hung up.
//
//	client machine (outside the cluster)                 nodes
//	200 phones (sipgo), SIPp callers, baresip ── VIP ──► voice-0, voice-1, voice-2
//
// After the faults the chart's release lives its life under the same calls: from
// an earlier commit, which the file previous names, to this one and back, with both
// versions at once in between, out and in again. Then two SIPClusters are upgraded
// together. Phones that know SHA-256 or MD5 alone register and call through proxies by chance
// while one of these dies, and while the users' database is away. So do linphone, baresip and
// SIPp, by a load balancer that keeps no flows: each of their datagrams goes to a proxy by chance, also while
// a SIPCluster that is open asks who everybody is, and is open again. Where it is named, case
// tls has linphone and baresip register over TLS and TCP, and Chromium over WSS, call phones of every transport, and
// lose the proxies that they are connected to. Named, too, case shared has the nodes share the cluster's address, with
// calls at phones that ring for 3 s, a fifth of all behind a NAT, while nodes, proxies and the
// control plane fail; case nat has phones behind that NAT at a plain Service; and case compare
// has Debian's Kamailio take the same calls. At last
// the plugin of kubectl is asked about a failover, and does what it does to clusters.
//
// Invariants:
//
//   - No phone registers twice at a SIPCluster, but where registering is what is tried, or
//     where its connection has ended with a proxy. Another one that answers after a fault
//     answers by a binding that outlived it.
//   - A case fails when a registration is lost, a phone cannot be called in
//     the time given, or a BYE of an established call is not answered. The
//     times to the new ring and to the new EndpointSlice are reported.
//   - A Prometheus that follows the chart's monitors sees every failover, alerts of it
//     within two scrapes, and counts what this program measures; a rolling update is
//     none.
//   - What is to be seen of a loss in the moment of it, conntrack, routes, rules,
//     EndpointSlices, metrics and logs, is kept in the folder of --logs and named; bounded.
//   - What a run makes, it removes, also when interrupted. A cluster that
//     KUBECONFIG names keeps running; cases that need its machines are skipped
//     and say so.
package main
