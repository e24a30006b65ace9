package token

import "github.com/sipring/sipring/proxy/wire"

// magicCookie starts the branch of an element that follows RFC 3261 (section
// 8.1.1.7).
const magicCookie = "z9hG4bK"

// TxID names an incoming transaction, the same on every pod: the ID of the key
// that made it and 88 bits of keyed hash. It serves as a map key.
type TxID [12]byte

// KeyID returns the ID of the key that made the transaction ID.
func (id TxID) KeyID() uint8 { return id[0] }

// TxFields is what tells transactions apart (RFC 3261 section 17.2.3), as it
// stands in the request received.
//
// A branch and a sent-by are not enough: two phones behind two NATs have the same
// private address, and draw their branches from few digits or use one again and
// again. So Call-ID, From tag and CSeq number count too, which are the same in a
// request, its retransmission, its CANCEL and the ACK of its failure (9.1,
// 17.1.1.3).
type TxFields struct {
	// Branch is the branch parameter of the topmost Via, empty if it has none.
	Branch []byte
	// SentBy is the host and port of the topmost Via.
	SentBy []byte
	// Method is that of the request which began the transaction: the caller
	// writes INVITE for an ACK, and for a CANCEL the method it cancels.
	Method  []byte
	FromTag []byte
	CallID  []byte
	CSeq    uint32

	// The others count only when Branch lacks the magic cookie or has nothing
	// behind it, as elements of RFC 2543 write it.

	// TopVia is the value of the topmost Via as received, nothing added.
	TopVia     []byte
	RequestURI []byte
	// ToTag is ignored for an INVITE: its ACK has one where it had none.
	ToTag []byte
}

// TxID returns the ID of a transaction that begins, under the current key.
func (k *Keys) TxID(f *TxFields) TxID {
	h := k.take()
	id := k.txID(h, 0, f)
	k.put(h)
	return id
}

// AppendTxIDs appends the ID of a transaction under every valid key, that of
// TxID first. A CANCEL, an ACK or a retransmission may belong to a transaction
// that began under any of them. At most MaxKeys are appended.
func (k *Keys) AppendTxIDs(dst []TxID, f *TxFields) []TxID {
	h := k.take()
	for key := range h.IDs {
		dst = append(dst, k.txID(h, key, f))
	}
	k.put(h)
	return dst
}

// Kinds of transaction IDs: what is hashed. Another set of fields takes another
// number.
const (
	byFields = 2 // RFC 2543
	byBranch = 3
)

func (k *Keys) txID(h *hasher, key int, f *TxFields) (id TxID) {
	h.begin(key, purposeTx)
	if hasCookie(f.Branch) {
		h.number(byBranch)
		h.folded(f.Branch)
		h.folded(f.SentBy)
	} else {
		h.number(byFields)
		h.field(f.TopVia)
		h.field(f.RequestURI)
		if string(f.Method) != "INVITE" {
			h.field(f.ToTag)
		}
	}
	h.field(f.FromTag)
	h.field(f.CallID)
	h.number(uint64(f.CSeq))
	h.field(f.Method)
	id[0] = h.IDs[key]
	copy(id[1:], h.finish())
	return id
}

// hasCookie reports whether a branch is the magic cookie and something more.
// Parameter values compare without case (RFC 3261 section 7.3.1).
func hasCookie(branch []byte) bool {
	if len(branch) <= len(magicCookie) {
		return false
	}
	for i := range len(magicCookie) {
		if wire.Lower(branch[i]) != wire.Lower(magicCookie[i]) {
			return false
		}
	}
	return true
}
