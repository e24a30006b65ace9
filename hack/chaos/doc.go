// Chaos-local holds the cluster to its promise with real processes: five proxies
// on loopback addresses are killed, stopped and restarted, the next as soon as
// all have what they own, while whoever publishes the member set is late by up to
// 10 s each time. Meanwhile phones register, refresh, change their contact and
// unregister, and callers look them up, each through any member that lives.
//
// Four things are counted, and each must be 0:
//
//   - lost: a binding that was acknowledged is not found (480, 404, or missing in
//     the list of a 200 to REGISTER).
//   - returned: a contact is reached whose removal, or replacement by another,
//     was acknowledged before the caller began.
//   - stale: the list of a 200 to REGISTER (RFC 3261 10.3 step 8) shows an older
//     state than the phone was told.
//   - unanswered: a request gets no final answer, or 503 or another failure, from
//     members that live.
//
// What may be seen is worked out from the phones' side alone (book.go): an
// operation may be seen from its beginning until the next one is acknowledged,
// one without an answer until a later one is.
//
// Requests are repeated as RFC 3261 17.1 has it (500 ms, doubled), each time to
// another member, as a Service or DNS would spread them. The first may go to any
// process that runs, also one that has just started again and knows nothing, as
// nobody steers traffic away from it yet; a wrong answer from there counts. Its
// silence, or its 503, does not, if the member was disturbed meanwhile: the
// repetitions go to members that were not. They have until the patience is over:
// silence is noticed in a second, and a member that cannot get its confirmation
// says 503 after three, so 8 s, a quarter of RFC 3261's Timer F, and five
// transmissions are plenty.
//
// The schedule of faults and the delays of the publisher follow from the seed;
// which datagram meets which fault does not.
package main
