// Package admin serves the health, metrics, status, events and live page of one proxy over
// HTTP on the admin port, and the first two on a port of their own, for probes.
//
//	GET /healthz       200 while the process makes steps, 503 with what hangs otherwise
//	GET /readyz        200 once the proxy holds what it owns, 503 with the reason otherwise
//	GET /metrics       Prometheus metrics of the proxy's own registry
//	GET /v1/status     member set, ring, bindings and incarnation as JSON
//	GET /v1/events     recent cluster events as JSON; ?follow=1 streams them (server-sent events)
//	GET /                  the live page (package page), which shows status and events
//	GET /debug/pprof/  profiles, if enabled
//
// # Invariants
//
//   - Everything is read-only; every other method is answered 405.
//   - Requests are bounded in size and time, and so are followers in number.
//   - Connections are bounded in number, from each source and in total, and none
//     is refused: the oldest that waits for nothing makes room. So a probe is
//     answered, whoever holds connections open.
//   - What a source asks beyond its rate is answered 200 ms later, not refused.
//   - Metrics, status and events are made again for all who ask together, and cost
//     a twentieth of a core at most, each.
//   - Nothing names a subscriber, a contact or a secret: the port asks nobody who
//     they are.
//   - The live page is part of the binary and costs no more than its bytes. It is served
//     however many follow; who gets no place as a follower asks for events instead.
//   - Nothing here holds a lock while it writes to a client.
package admin
