// Package config is what the operator hands a proxy: its configuration, the
// published member set and the cluster keys, and the names that both go by. It is
// the one package that both sides import; it does no I/O beyond decoding bytes
// that it is given.
//
// Invariants: a value that Parse* returned is complete (defaults applied) and
// valid (Validate passed). Values are plain data: copy them freely, do not change
// one that other goroutines read.
//
// Operator and proxies may be one minor version apart, and so may proxies. What
// v0.1 wrote is in testdata/v0.1, and is to be read by every later version. What a
// later version may add:
//
//   - to the configuration, fields: an older proxy names them in Config.Unknown, so
//     that a misspelt one does not pass silently either;
//   - to the member set and its members, fields, which an older proxy passes on with
//     the signature over them; no state of members;
//   - to the keys and to the trust, nothing: what an older proxy would not obey in
//     them must not be taken for obeyed, so both are refused with a field that is not
//     known. A new file beside them is the way.
package config
