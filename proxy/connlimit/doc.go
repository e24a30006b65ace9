// Package connlimit bounds the connections that a port holds, in total and from
// each source, without ever refusing the next one: one that is over a bound takes
// the place of the oldest from which nothing is awaited. So whoever holds
// connections open, and does no more, keeps nobody out.
//
// A source is an IPv4 address or the /64 of an IPv6 address (package limit).
package connlimit
