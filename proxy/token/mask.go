package token

import "crypto/subtle"

// What says who somebody is, is nobody's to read but ours: the other end of a dialog may
// not know who it talks to (RFC 3323). It is masked with a stream that is made of the MAC
// of the plain text, so no randomness is needed, and what is masked twice is the same
// twice (a synthetic initialization vector, as RFC 5297 has it).

const purposeMask = 'k'

// masker is room for a block of the stream.
type masker struct {
	seed [1 + macSize + 1]byte // purpose, MAC, number of the block
	pad  [32]byte
}

// mask masks b, or takes the mask off, by the MAC of what it is or becomes. b has at most
// 8 KiB. It leaves h.buf and h.sum as they are.
func (h *hasher) mask(key int, mac, b []byte) {
	m := h.macs[key]
	h.seed[0] = purposeMask
	copy(h.seed[1:], mac[:macSize])
	for i := byte(0); len(b) > 0; i++ {
		h.seed[1+macSize] = i
		m.Reset()
		m.Write(h.seed[:])
		b = b[subtle.XORBytes(b, b, m.Sum(h.pad[:0])):]
	}
}
