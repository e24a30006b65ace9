// Package connlimit bounds the connections that a port holds, in total and from
// each source, without ever refusing the next one: one that is over a bound takes
// the place of another from which nothing is awaited, or, if there is none, of any.
// That is the oldest of its own source, where that has too many, or else the oldest of
// the source that has the most of them. So whoever holds connections open, and does no
// more, keeps nobody out.
//
// A source is an IPv4 address or the /64 of an IPv6 address (package limit).
package connlimit
