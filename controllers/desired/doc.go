// Package desired builds the objects that make up a SIPCluster, as apply
// configurations: what the operator wants of them, and nothing that it leaves to
// others. It is pure: equal input gives equal output, byte for byte, which the
// golden files in testdata pin (rewrite them with go test -update).
//
// Invariants: every object carries Labels and, but for the pods, an owner
// reference to its SIPCluster; every name is a function of the SIPCluster's.
package desired
