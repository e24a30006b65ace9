// Echo is a small application for the place beside a proxy (spec.localApp): it answers
// every call, sends back the media that it gets, and says in each answer, in the header
// field X-Application, which of the applications it is. With that the end-to-end tests
// see who has taken a call, and somebody who has no PBX at hand can try the sidecar.
//
// It serves OPTIONS, with which the proxy checks it, INVITE and re-INVITE, BYE, and any
// request within one of its calls. With --poke it sends an OPTIONS within each call that
// often, and counts what is answered. GET /status says what it does, GET /ready is 200
// while it takes calls. After SIGTERM it takes no more of them, waits for those it has,
// and hangs up what is left when --grace is over.
package main
