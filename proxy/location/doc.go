// Package location holds registrations: what a REGISTER does to the bindings of an address-of-record (AOR), how two
// copies of them merge, and when they expire. It is pure: time is an argument, in milliseconds, and nothing here starts
// a goroutine, takes a lock or opens a socket.
//
// # A record is bytes
//
// The bindings of one AOR are one Record: a compact byte string that is read in place (Record.All yields Binding
// views), copied with copy, and sent to another member nearly as it is. A million records are a million objects
// without a pointer in them, and a refresh, which changes a few numbers, overwrites them where they are.
//
// # Merge
//
// A binding is identified by its key: the exact bytes of its Contact URI, or +sip.instance and reg-id where a REGISTER
// gave both (RFC 5626 section 6). For each key the binding of the highest Version stays; a removal is a binding too, a
// tombstone, and competes like any other. So a record is a map from keys to maxima of a total order, and Merge is
// commutative, associative and idempotent: members that have seen the same set of updates, in whatever order and
// however often, hold the same record.
//
// RFC 3261 section 19.1.4 does not define an equivalence (";x=1" and ";x=2" both equal none at all, but not each
// other), so it cannot be the key of a merge. It is applied where an update is ordered, by Apply at the home of the
// AOR: there every binding whose URI equals the update's, but whose bytes differ, is removed and the update's is put
// in their place.
//
// # Versions
//
// Apply stamps what it writes with a Version above every version in the record and not below the clock it is given,
// so that of two histories that could not see each other the later one wins, and a binding that returns after its
// tombstone has expired is still newer than what the tombstone removed.
//
// # Invariants
//
//   - A Record is well formed: ParseRecord is the only way in from outside and refuses anything else. Bindings are
//     sorted by key and no key is there twice.
//   - Expired bindings are never live, whether they have been purged or not.
//   - Apply is all or nothing (RFC 3261 section 10.3 step 7): a status other than 200 leaves the record as it was.
//   - A tombstone lives as long as the binding it removed would have lived.
package location
