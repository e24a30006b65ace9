// Package browser has a browser as a phone: Debian's Chromium with SIP.js, a SIP stack that
// others wrote, registers over WSS at real proxies, and phones on UDP call it and are called.
// It is all tests. Those that need no more of a cluster than its address hack/e2e runs in its case
// tls, at the cluster that it has.
package browser
