// Package address says what a node holds for a proxy of a cluster whose address is
// shared by nodes: the addresses, on the loopback interface, and what may come to them. It
// is pure; package node puts it into the kernel.
//
// The node holds an address only while somebody renews it. It is given to the kernel for
// Lifetime, every Period anew, so that it goes by itself when the process that renews it is
// killed, whatever else dies with it. So does what guards it, a little later: there is no
// time at which the node holds the address and anything but the proxy's listeners can be
// reached there.
//
// It is on the loopback interface because that is always there and up: a dummy interface
// would be left behind by a process that is killed, and other software would find it.
package address
