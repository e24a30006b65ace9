// Package config is what the operator hands a proxy: its configuration, the
// published member set and the cluster keys, and the names that both go by. It is
// the one package that both sides import; it does no I/O beyond decoding bytes
// that it is given.
//
// Invariants: a value that Parse* returned is complete (defaults applied) and
// valid (Validate passed); unknown fields are refused, so that a misspelt
// option never passes silently. Values are plain data: copy them freely, do
// not change one that other goroutines read.
package config
