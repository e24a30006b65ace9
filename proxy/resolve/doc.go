// Package resolve finds the servers of a SIP domain (RFC 3263 4): which transports,
// ports and addresses the records of DNS have for a host name, and in what order they
// are tried. It asks nobody: a [Search] says what to ask next, and takes the answers.
//
//   - The URI names neither transport nor port: NAPTR (4.1), of which the services
//     that are served count, else SRV of each transport that is served.
//   - It names a transport, but no port: SRV of that (4.2).
//   - It names a port, or there is no SRV: A and AAAA of the name itself.
//
// # Invariants
//
//   - A Search ends after three rounds of questions, of [MaxQuestions] at most, whatever
//     the answers are: no record leads to further questions than the next step's.
//   - What is found is of [MaxServers] hosts with [MaxAddresses] addresses of a family each
//     at most, and a request is tried at [MaxHops] of them at most.
//   - A secured name is reached over TLS or not at all, whatever the answers are.
//   - A [Found] is immutable. The order that it is tried in depends on what was found and
//     the seed alone, so that all members send what is of one call to one server (4.4).
package resolve
