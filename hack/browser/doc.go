// Package browser has a browser as a phone: Debian's Chromium with SIP.js, a SIP stack that
// others wrote, registers over WSS at real proxies, and phones on UDP call it and are called.
// It is all tests.
package browser
