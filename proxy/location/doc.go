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
// other), so it cannot be the key of a merge. It is applied where an update is ordered, by Store.Apply at the home of the
// AOR: there every binding whose URI equals the update's, but whose bytes differ, is removed and the update's is put
// in their place.
//
// "Contact: *" leaves one tombstone of everything, a marker, whose key is the Call-ID: whatever in a record is older than
// the newest marker does not count. So it also removes what the home did not have and another copy has. A map of which all
// below the greatest marker is left out merges by the same laws.
//
// # Order
//
// RFC 3261 section 10.3 step 7 orders the REGISTERs of a Call-ID by CSeq, against a binding that exists. A binding that is
// over, expired or removed, must still not be undone by a datagram that is late; and a phone that always has the same Call-ID
// and begins anew at CSeq 1 after a power cycle is no such datagram. So what is over orders for 64*T1, 32 s, and only what
// a phone can have sent lately: each state has a Window, which tells how far down the CSeq numbers go that were used within
// the last half minute to minute, and the fingerprint of the request that wrote it. An equal CSeq is a retransmission if the
// fingerprint is equal or it asks for what is there; otherwise it is out of order where the binding lives, and a phone that
// began anew where it is over. A tombstone also knows the request that wrote what it removed: its CSeq with another
// fingerprint is a phone that began anew too.
//
// Time is what passes at the members, as for expiry: versions follow the fastest clock that was heard of, and would make of
// a late datagram a phone that began anew when one is heard of that is faster still.
//
// A window covers every number between the lowest and the highest, so it also covers what others have taken meanwhile, if
// the Call-ID was known before. Of one that was not, while members are out of reach or short of room, or just after
// (Limits.Untold), any lower CSeq counts as lately used. So windows need not merge: what wins after a cut knows enough of the other side.
//
// Members that do not hear of each other may put two requests of a phone in different orders, and the versions then make the
// one last that came late. Reordered finds such pairs as copies are merged, and gives what is to be merged after them: the
// later request's state again, above the late one's. So Merge keeps its laws, and all who see both come to the same.
//
// What remains: a phone that begins anew within 32 s of its removal, with a CSeq that it has not used or used in a request
// before the last two, not more than 8 below what was lately seen, is taken for late and gets 500 until those are over.
//
// A removal of what is not there leaves a tombstone all the same, a trace: what it undoes may be on its way, or with a member
// that was cut off. It lives as long as it orders.
//
// # Claims
//
// A UDP flow through a NAT has an owner, the member that the phone's packets come to. A claim has another one take it over: a
// state of the binding with a version above, and all else as it was, the CSeq too. So a REGISTER that came after wins by its
// version, and one that was sent after, but was ordered at a member that did not hear of the claim, by Reordered.
//
// # Proofs
//
// A REGISTER may come with a Proof: the nonce and the count of a digest response that was verified. An AOR takes each nonce
// with rising counts only (RFC 7616 section 3.4.5). What was used, several nonces with their greatest counts, is kept beside
// the bindings of a record and not in them: removals, evictions, "Contact: *", other versions and the end of the last binding
// leave it as it is. It merges by itself, and what either side refuses the result refuses. There is room for 16 nonces, of
// which the oldest make room and raise a floor; up to that any nonce that is not there counts as used. Times in nonces are
// compared with each other, never with a clock. All is forgotten an hour after the last use, which is as long as any
// nonce can be good for, however short Limits.NonceLife is: configurations change, and clocks differ.
//
// What proves other requests has records of its own, by AORs that are none (AppendPlace): there each count is as a nonce of
// its own, nothing counts as used for being older than the others, and all is forgotten once no such nonce is good.
//
// A proof is used up whatever the answer is, by a fetch and by what is refused too: somebody may have seen it. Only what is
// refused because there is no room for an AOR that is not known leaves no trace. A request whose nonce and count were used is
// a retransmission, and answered as such, if it changes nothing and is from the same source; anything else is a replay. So
// somebody who has seen a request gets from elsewhere not even to know what is bound.
//
// What remains: members that do not hear of each other, as one of them takes the other for dead or the network is cut, may
// each take a proof once. What is used while a source's copy of the request is under way may come first, as ever with digest.
//
// # Bounds
//
// At the cap the oldest bindings make room, of the same +sip.instance first: a phone that never unregisters does not lock
// itself out. Who made room is removed like any other. More contacts in one REGISTER than there may be are refused.
// Tombstones are at most twice as many as bindings, but for those of one update; the oldest go first. A contact has at most
// 1 KiB of text, all its fields together: what is longer is refused with 400. What there is room for in the whole of a
// store is Limits.Room; refreshes and the removals of who registered need none. What was proved takes 33 bytes with one nonce, and
// 16 for each further one; without room it is one that takes the place of another.
//
// Once half of Limits.Budget is taken a source has at most an eighth of it, and a domain, where others are served too, half.
// Who has its share gets no further AOR, and from three quarters on nothing that makes larger what it has. A binding is its
// source's, a removal that of who registered, so nothing is shed by having others remove it. Who moves to a source that has
// its share is, from three quarters on, refused like another contact of that source.
//
// # Versions
//
// Apply stamps what it writes with a Version above every version in the record and not below the clock it is given,
// so that of two histories that could not see each other the later one wins, and a binding that returns after its
// tombstone has expired is still newer than what the tombstone removed.
//
// # Contacts
//
// A store also finds records by the contacts registered in them (Locate), with an index of 8 bytes to a cell. It takes 9.1
// to 11.4 bytes a binding, and a question 0.4 us of CPU where nobody registered the contact, in a store of 100,000:
//
//	go test ./proxy/location -run xxx -bench Locate
//
// The cells of one contact are bounded, however many AORs have it. Where an AOR is left out of them, Locate finds the
// contact by another one, or says that it is not sure, until a Purge gives it a cell that has become free.
//
// # Invariants
//
//   - A Record is well formed: ParseRecord is the only way in from outside and refuses anything else. Bindings are
//     sorted by key and no key is there twice.
//   - Expired bindings are never live, whether they have been purged or not.
//   - Apply is all or nothing (RFC 3261 section 10.3 step 7): a status other than 200 leaves the record as it was.
//   - A tombstone is over since the removal, and lives as long as a copy of the binding it removed can live.
package location
