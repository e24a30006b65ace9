package token

import (
	"crypto/hmac"
	"encoding/binary"
)

const (
	branchBody = len(TxID{}) + 4 + 4
	branchMAC  = 7
	branchBin  = branchBody + branchMAC // a multiple of 3: no spare bits

	// BranchLen is the length of every branch of ours, in characters.
	BranchLen = len(magicCookie) + branchBin/3*4
)

// Branch is what the branch parameter of a Via of ours says (RFC 3261 sections
// 8.1.1.7, 16.6 step 8 and 16.11).
type Branch struct {
	// Tx is the incoming transaction the request was forwarded for.
	Tx TxID
	// Target is Keys.Target of where it was forwarded to.
	Target uint32
	// Loop is Keys.LoopHash of the request as it was received.
	Loop uint32
}

// Target returns the number that tells one target of a forked request from
// another, the same on every pod. The target is what makes it distinct: its
// URI, followed by its flow if two targets can share one.
func (k *Keys) Target(tx TxID, target []byte) uint32 {
	h := k.take()
	h.begin(h.indexOf(tx), purposeTarget)
	h.field(tx[:])
	h.field(target)
	hash := binary.BigEndian.Uint32(h.finish())
	k.put(h)
	return hash
}

// AppendBranch appends the branch, magic cookie included: BranchLen
// characters, all of them of an RFC 3261 token. It is signed by the key that
// made br.Tx. If that is no longer valid the branch is well-formed and distinct,
// but ParseBranch will not know it.
func (k *Keys) AppendBranch(dst []byte, br Branch) []byte {
	h := k.take()
	h.begin(h.indexOf(br.Tx), purposeBranch)
	bin := append(h.buf[:1], br.Tx[:]...)
	bin = binary.BigEndian.AppendUint32(bin, br.Target)
	bin = binary.BigEndian.AppendUint32(bin, br.Loop)
	h.n = len(bin)
	bin = append(bin, h.finish()[:branchMAC]...)
	dst = append(dst, magicCookie...)
	dst = encoding.AppendEncode(dst, bin[1:])
	k.put(h)
	return dst
}

// ParseBranch reads a branch of ours and reports whether it is one, made by
// any pod under any valid key.
func (k *Keys) ParseBranch(s []byte) (Branch, bool) {
	if len(s) != BranchLen || string(s[:len(magicCookie)]) != magicCookie {
		return Branch{}, false
	}
	h := k.take()
	br, ok := k.parseBranch(h, s[len(magicCookie):])
	k.put(h)
	return br, ok
}

func (k *Keys) parseBranch(h *hasher, s []byte) (br Branch, ok bool) {
	n, err := encoding.Decode(h.buf[1:], s)
	if err != nil || n != branchBin { // line breaks are skipped by Decode
		return Branch{}, false
	}
	body, mac := h.buf[1:1+branchBody], h.buf[1+branchBody:1+branchBin]
	copy(br.Tx[:], body)
	key := h.Index(br.Tx.KeyID())
	if key < 0 {
		return Branch{}, false
	}
	br.Target = binary.BigEndian.Uint32(body[len(br.Tx):])
	br.Loop = binary.BigEndian.Uint32(body[len(br.Tx)+4:])
	h.begin(key, purposeBranch)
	h.n += branchBody
	if !hmac.Equal(h.finish()[:branchMAC], mac) {
		return Branch{}, false
	}
	return br, true
}

// indexOf returns the place of the key that made tx, or that of the current
// key if it is gone.
func (h *hasher) indexOf(tx TxID) int { return max(h.Index(tx.KeyID()), 0) }
