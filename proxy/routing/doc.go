// Package routing decides what a proxy does with a request (RFC 3261 16.3 to
// 16.5 and the registrar's checks of 10.3). It is pure: a scanned request and
// immutable Tables in, a Decision out.
//
// A decision is made by a chain of policies, each of which has nothing to say,
// decides, or waits for something; see chain for their order, and a file by its
// name for each of them. What needs more than the request and Tables, a rate or a
// right, is a Policy of the caller's (Checks).
//
// # Invariants
//
//   - A request is only ever sent to a binding of an address-of-record served
//     here, or where a token that verifies allows: no open relay. A Route that
//     names another place without such a token is refused, and a Request-URI that
//     does is too, unless it is the contact of a binding.
//   - The same request gives the same Decision on every pod with the same
//     Tables and Checks that agree; nothing of the pod, the time or chance goes
//     into the policies here.
//   - Deciding does not allocate. A Decision is reused; what it holds are views
//     into the request and into the Decision itself.
//   - An ACK is never answered: it is forwarded or dropped.
package routing
