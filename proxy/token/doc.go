// Package token makes and checks what sipring writes into a SIP message to find
// its way back: the authenticated token in a Record-Route URI, and the Via
// branch. Both let a pod that has never seen a call handle its next message.
//
// # Invariants
//
//   - Nothing is returned from bytes whose MAC does not verify. A parsed token
//     may be acted on; a refused one must not be (it would make an open relay).
//   - Every encoding is canonical: a token or branch that parses is, byte for
//     byte, the one that some holder of the key wrote.
//   - The same request gives the same branch on every pod that holds the same
//     keys. Nothing of the pod, the time or chance goes into it.
//   - Who the ends of a dialog are is not to be read from a token without the key.
//   - Sizes are bounded by [MaxToken] and [BranchLen] whatever the input.
//   - In steady state nothing here allocates.
//
// The MAC is HMAC-SHA256, truncated to 80 bits for a token (as RFC 5626 section
// 5.2 does for flow tokens) and to 56 bits for a branch. One leading byte of the
// MAC's input tells its purposes apart. A token's MAC covers
// the Call-ID of its dialog as well, which it does not carry. The formats are a contract between
// versions that run side by side; the vectors in testdata pin them.
//
// # The branch
//
// A branch is the magic cookie and 36 base64url characters: 12 bytes of
// transaction ID, 4 of target, 4 of loop hash, 7 of MAC. A response, an ACK or a
// CANCEL that reaches another pod is matched by these bytes alone, so they must
// come out the same on every pod (RFC 3261 section 16.11):
//
//   - The transaction ID hashes what RFC 3261 section 17.2.3 matches on, and
//     Call-ID, From tag and CSeq number ([TxFields] says why).
//   - The target is a hash of the target itself, not its place in a list that
//     another pod may hold in another order.
//   - The loop hash is the second part of RFC 5393 section 4.2.1, which replaces
//     that of RFC 3261 section 16.6 step 8. It must vary with every field that
//     decides where the request goes, with the Request-URI and the Route values
//     at least, and must not vary with the method: a CANCEL and the ACK of a
//     failure have the branch of their INVITE. Ours covers Request-URI, Route
//     and the From tag, which tells the direction within a dialog; Call-ID and
//     CSeq number keep apart what other requests left. Nothing else that a sender
//     writes decides where a request goes. A new such field has to be added
//     here, and must be one that CANCEL and ACK share with the INVITE.
//   - The other fields of RFC 3261's list are left out: the To tag,
//     Proxy-Require and Proxy-Authorization are absent from CANCEL or ACK, and a
//     pod that has only one of these could not make the INVITE's branch. Between
//     two passes of a loop they do not change, so no loop is missed for it. The
//     topmost Via changes with every pass, so that no loop would be found.
//   - The number of the pod that holds the transaction is not part of it. It
//     belongs in a Via parameter of its own.
//
// The far end compares the sent-by as well, so that too must be the cluster's
// and not the pod's where another pod is to take over.
//
// # Rotating keys
//
// The first key signs, all verify. [Keys.Replace] makes others the valid keys of a
// running pod. Pods learn of a change one after the other,
// so a rotation has three steps, each begun when every pod has made the last:
// [old] to [old, new] to [new, old] to [new].
//
// Two pods in different steps must agree on branches. No fixed choice among the
// keys a pod holds agrees across every step: it is old at the start and new at
// the end, so it changes at some step. What matters is which step:
//
//   - If the oldest key made transaction IDs the change would come with the last
//     step, when old is gone. A CANCEL or ACK that comes then, for an INVITE that
//     still rings, could be matched by nobody.
//   - So the first key makes them, the change comes with the second step, and
//     old stays known for as long as dialogs need it, hours after the last
//     transaction that used it. The transaction ID names its key: whoever meets
//     a CANCEL, an ACK or a retransmission tries the ID under every key
//     ([Keys.AppendTxIDs], one HMAC each). A pod that knows the transaction finds
//     it under one of them. A pod that does not sends the CANCEL or ACK on
//     under each: all but one match nothing downstream and are absorbed (481
//     for a CANCEL, silence for an ACK).
//
// What remains: a retransmitted INVITE whose first copy went to a pod that died
// before it answered 100, within the moment in which the pods disagree about the
// second step. It leaves with another branch, and the far end sees a merged
// request (482, RFC 3261 section 8.2.2.2) rather than a retransmission.
package token
