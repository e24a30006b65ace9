// Package page is the live view of a cluster for a browser: the ring, the members,
// the phases of a failover on a time axis, calls and registrations per second. Every
// proxy serves it on its admin port, and the demo at an address of its own.
//
// It is plain HTML, CSS, JavaScript and SVG, embedded in the binary. Whoever serves
// it also serves what it follows:
//
//	GET v1/status           the cluster as one member sees it, as JSON
//	GET v1/events?after=N   events after number N, as a JSON array; &follow=1 streams them
//
// # Invariants
//
//   - Every URL is relative: the page works behind any prefix, such as the one of
//     the API server's proxy to a pod.
//   - Nothing is loaded from elsewhere, and no script stands in the HTML: the
//     Content-Security-Policy forbids both.
//   - What is received is shown as text, never as HTML.
//   - It asks for nothing while nobody looks at it, and asks once a second at most
//     while nothing happens.
package page
