// Package limit says how much each source of messages may cause, in memory of a
// fixed size.
//
// A source is an IPv4 address, or the /64 of an IPv6 address, as one host has
// all of that. Each has a rate and a burst by the generic cell rate algorithm
// (GCRA, ITU-T I.371 Annex A): its state is one number, the theoretical arrival
// time (TAT) of what it may do next. What lies ahead of now is its debt.
//
// Sources are kept in sets of seven, found by a hash with a seed of this process,
// so that nobody can choose sources of one set. These hold at any time, whatever
// others send:
//
//   - What a source was allowed keeps to its rate and burst. It gains nothing by
//     being forgotten.
//   - A source without debt and one that is not known are the same, so one
//     without debt makes room for another and loses nothing.
//   - When all seven have debt, a source that is not known takes the place and
//     the debt of the one with the least. It is refused only if that leaves no
//     room for it: when all seven have all but used up their bursts.
//
// So a flood from forged sources, each with little debt, keeps nobody out before
// it has whole sets in debt: at about Slots times Rate a second.
//
// The package has no clock, no goroutine and no global lock, and does not
// allocate after New.
package limit
