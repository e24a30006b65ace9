// Package ring places addresses-of-record on cluster members.
//
// The hash circle of 64 bits is cut into a fixed number of equal arcs, the
// partitions. Every partition is owned by the R members that score highest for
// it (rendezvous hashing, highest random weight), spread over zones and nodes
// where there are several. A [Table] holds that placement for one member set.
//
// Invariants, each held by a test:
//
//   - A table is a pure function of the member set, the number of partitions
//     and the number of replicas: neither the order of the members nor any
//     earlier table plays a part.
//   - Owners of a partition are distinct and listed by falling score. The first
//     is the home of the partition: it orders the updates of its AORs.
//   - A member that leaves changes the partitions it owned and no others. In
//     those the other owners stay, in their order, and one member is new. A
//     member that joins is the mirror image: it takes exactly what it will own.
//   - Every owner of a partition has a zone of its own while zones last, then a
//     node of its own while nodes last; only then do owners share one. A member
//     with no zone counts as in a zone of its node alone, so a cluster that knows
//     no zones is spread over nodes, and one node without the label does not
//     draw every replica to itself as a zone of one shared label would.
//   - The home is the member with the highest score, wherever it runs.
//
// Homes are shared out by chance: of P partitions a member is home to P/n, give
// or take a standard deviation of sqrt((n-1)/P) of that. With the default P and
// IDs 1 to n the largest share is at most 1.10 of an even one up to 20 members,
// and at most 1.30 of it at 100. A few in a hundred sets of other IDs lie a
// little above that.
//
// AORs are hashed under a [Seed] of the cluster, as strangers choose them: so they
// are spread over the partitions like any others, whatever they were chosen for.
//
// [Build] makes a table from nothing, which takes time in proportion to the
// number of members. [Table.Derive] makes the same one from the table before, in
// proportion to what changes: members of a large cluster join one by one.
//
// [Seed.Hash], [Partition] and the scores are a contract between versions that run
// side by side in a rolling upgrade. The vectors in testdata pin them: a change
// there splits a cluster while it is upgraded and needs a new ring parameter,
// not a new vector.
package ring
