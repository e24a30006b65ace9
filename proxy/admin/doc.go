// Package admin serves the health, metrics, status and events of one proxy over
// HTTP on the admin port.
//
//	GET /healthz       200 while the process makes steps, 503 with what hangs otherwise
//	GET /readyz        200 once the proxy holds what it owns, 503 with the reason otherwise
//	GET /metrics       Prometheus metrics of the proxy's own registry
//	GET /v1/status     member set, ring, bindings and incarnation as JSON
//	GET /v1/events     recent cluster events as JSON; ?follow=1 streams them (server-sent events)
//	GET /debug/pprof/  profiles, if enabled
//
// # Invariants
//
//   - Everything is read-only; every other method is answered 405.
//   - Requests are bounded in size and time, and so are followers in number.
//   - Nothing here holds a lock while it writes to a client.
package admin
