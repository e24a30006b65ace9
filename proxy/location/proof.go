package location

// Proof is that of a digest response which was verified: which nonce it was computed with, and its nonce count (RFC 7616
// section 3.4). An AOR accepts a nonce with rising counts only. The zero Proof is none.
//
// A response covers the method and the Request-URI of a REGISTER, and not whose bindings it changes. So a nonce must be good
// for one AOR alone: whoever makes nonces binds them to it, or what was proved for one AOR can be used for another.
type Proof struct {
	// Nonce is greater the later the nonce was made: milliseconds, and 20 bits by chance. 0 is no nonce.
	Nonce uint64
	// Count is the nonce count, from 1.
	Count uint32
}
