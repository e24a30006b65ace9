// Package control asks a proxy about its subscribers, and changes them, over a Unix socket of the proxy's own host or
// container: HTTP/1.1 with JSON. What names no subscriber is the admin port's (package admin).
//
//	GET  /v1/where?aor=A                     which member is home of an AOR, and what this one has of it
//	GET  /v1/bindings?aor=GLOB&limit=&after= the AORs whose home this member is, in their order, by pages
//	POST /v1/unregister?aor=A&contact=URI    remove one contact of an AOR, or all
//	GET  /v1/trace?aor=A&for=&max=           the messages of an AOR as they come and leave, a line of JSON each
//	POST /v1/drain                           leave the cluster, and how far that has come, a line of JSON each
//
// # Invariants
//
//   - Nothing of this is served over TCP. The socket is its owner's alone (mode 0600), and a connection counts only if its
//     process has the same user, or is root.
//   - Connections, requests and answers are bounded, in number, size and time. What is over a bound is refused with a reason.
//   - Nobody waits for a reader: no lock of the proxy's is held while anything is written.
//   - Who asks may be mistaken, and what subscribers have registered may be made to deceive. Text for a person has no
//     control characters.
package control
