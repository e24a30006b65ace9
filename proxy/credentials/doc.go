// Package credentials knows the secrets of users: their HA1 (RFC 7616 3.4.2, RFC 8760), never a password. They come from
// files, from a PostgreSQL database or from an HTTP service, and are looked up in one way, [Store].
//
// Invariants:
//
//   - Look answers from memory: no wait, no allocation, and no lock but one of a small part of the users.
//   - Nobody waits by a goroutine. Who has to wait leaves a function, and how many do is bounded, as is how many
//     questions are under way at a source and how much is kept of what it said.
//   - Nothing that is read is believed to be small or well formed: files, rows and answers have bounds, and what is
//     beyond them is refused and counted.
//   - A source that is away takes nothing away: users that were known are known for as long as the configuration says,
//     those of files for ever. Who was never asked for is then neither known nor unknown, but Unavailable.
//   - What somebody asks for that does not exist is kept apart, so that it pushes nobody out who does.
//   - No secret, and no line with one, is logged.
//
// A look at a user that is known takes about as long as at one that is not, but does not take the same time: a file's table
// and the cache are maps. A caller whose answer must not tell which users there are has to even out what follows. For one
// that is Unknown it verifies a response against a random secret, kept for as long as the process runs, and gives the same
// answer, after the same number of questions to the source: who says Ask for the one says so for the other, and of one that
// is known it says with Doubt when it would have asked for another. How long the source itself takes for a user that it
// does not have is not evened out here; only the first question for a name shows it, as what comes of it is kept.
package credentials
