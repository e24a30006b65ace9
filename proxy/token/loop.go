package token

import "encoding/binary"

// LoopFields is what decides where a request goes, as it stands in the request
// received and before anything of it is changed. It holds only what an INVITE
// shares with its CANCEL and the ACK of its failure; see the package comment.
type LoopFields struct {
	RequestURI []byte
	// Routes are the values of the Route headers, in order.
	Routes  [][]byte
	FromTag []byte
	CallID  []byte
	CSeq    uint32
}

// LoopHash returns the hash by which a loop is told from a spiral (RFC 5393
// sections 4.2.1 and 4.2.2, for RFC 3261 section 16.6 step 8): a request that carries a Via of
// ours has looped if that Via's branch br parses and
//
//	br.Loop == k.LoopHash(br.Tx, fields)
//
// If it parses and they differ, the request has come back changed: a spiral.
// The hash is made under the key that made tx.
func (k *Keys) LoopHash(tx TxID, f *LoopFields) uint32 {
	h := k.take()
	h.begin(h.indexOf(tx), purposeLoop)
	h.field(f.RequestURI)
	h.number(uint64(len(f.Routes)))
	for _, route := range f.Routes {
		h.field(route)
	}
	h.field(f.FromTag)
	h.field(f.CallID)
	h.number(uint64(f.CSeq))
	hash := binary.BigEndian.Uint32(h.finish())
	k.put(h)
	return hash
}
