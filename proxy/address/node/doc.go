// Package node has the kernel of a node hold shared addresses, by netlink: the addresses
// themselves, and tables of nftables that guard them. It needs the capability NET_ADMIN
// in the node's network namespace and nothing else.
//
// Two tables of one name guard them, in which the addresses are elements of sets that
// lapse:
//
//   - of the family inet: what comes for the address is dropped unless it is for a port of a
//     listener. It is in prerouting, before anything is translated, so that neither the ports
//     of Services (kube-proxy's NodePorts) nor what listens at all addresses of the node are
//     reached there. What comes with ICMP that concerns packets sent, echo, and what IPv6
//     finds neighbours by pass, and so do fragments but the first, which alone has ports:
//     without it the others come to nothing;
//   - of the family arp: the kernel answers no request for the address, as it would on each
//     interface, and names it in none of its own. Who announces the address answers by
//     itself (MetalLB's speakers do, by a socket of packets, which is beside all this). IPv6
//     needs none of it: there the kernel answers for addresses of the interface alone.
package node
