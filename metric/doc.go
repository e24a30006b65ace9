// Package metric makes metrics on top of client_golang in the ways that this program needs, so that two faults cannot be
// made: a labelled counter that is not there before it first counts, for which increase() misses that first time, and a
// count that is kept and shown nowhere.
//
// A [Set] makes metrics of one prefix and is the collector of them. Its vectors are given all values of their labels and
// are there with each of them from the start, at 0 ([Set.Counters], [Set.Gauges]). What is labelled with objects that come
// and go is made by [Objects], all of whose metrics begin and end with the object. Where a state machine or the hot path
// counts in plain numbers, [Fields] shows the fields of its struct, every one.
//
// Making a metric panics where its name, labels or tags are no good: all are made at the start, of constants.
package metric
