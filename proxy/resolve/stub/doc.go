// Package stub asks the name servers of a host, as a stub resolver does (RFC 1034 5.3.1):
// those of resolv.conf, for names that are absolute. Its search list is not obeyed, so a
// name is asked for once and not once in each domain of a cluster.
//
// # Invariants
//
//   - One Ask is one goroutine, its caller's. All its questions are under way at the same
//     time, from one socket, whose port is of no other Ask.
//   - An answer counts if it comes from the server that was asked, with the question and
//     the number of it (RFC 5452 9.1). What it says of other names than the one asked for,
//     or that it is an alias of, is not looked at.
//   - Of what comes from the network at most 4 KiB of a datagram, and 64 KiB over TCP,
//     are read, of an answer [MaxRecords] are used, and of aliases [MaxAliases].
package stub
