package digest

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
)

// Verifier computes what responses should be. It holds the room to do so, so that nothing
// is allocated once it has seen the longest. The zero value is ready; it is not safe for
// concurrent use.
type Verifier struct {
	text  []byte            // what is hashed
	sum   [maxHash]byte     // its hash
	ha1   [2 * maxHash]byte // as hexadecimal digits
	ha2   ha2
	given [maxHash]byte

	hashes uint64
}

// ha2 is the hash of a method and a URI, of the last ones: all REGISTERs for a domain have
// the same.
type ha2 struct {
	of        []byte // what was hashed, empty for nothing
	algorithm Algorithm
	sum       [2 * maxHash]byte // as hexadecimal digits
}

// Hashes is how many it has computed, but for those of methods and URIs, which are nobody's:
// what a response costs shows nobody whether there is such a user.
func (v *Verifier) Hashes() uint64 { return v.hashes }

// Verify reports whether r proves knowledge of the secret ha1, which is that of HA1 for
// r.Algorithm.Base(). method is that of the request. It says nothing of the nonce, the realm
// and the uri: see ParseNonce, AppendRealm and IsFor. The comparison takes constant time; a
// secret of random bytes takes as long as the right one.
func (v *Verifier) Verify(r *Response, method, ha1 []byte) bool {
	n := r.Algorithm.Size()
	if len(ha1) != n || len(r.Response) != 2*n || !readHex(v.given[:n], r.Response) {
		return false
	}
	return subtle.ConstantTimeCompare(v.compute(r, method, ha1), v.given[:n]) == 1
}

// compute returns the response to expect (RFC 7616 section 3.4.1), valid until the next.
// Values are hashed as they are without escapes; the URI, the count and the
// quality of protection in the phone's own spelling.
func (v *Verifier) compute(r *Response, method, ha1 []byte) []byte {
	a := r.Algorithm
	secret := hex.AppendEncode(v.ha1[:0], ha1)
	if a.Session() { // section 3.4.2
		v.text = append(append(v.text[:0], secret...), ':')
		v.text = append(appendPlain(v.text, r.Nonce), ':')
		v.text = appendPlain(v.text, r.CNonce)
		secret = hex.AppendEncode(v.ha1[:0], v.hash(a))
	}
	v.text = append(append(v.text[:0], method...), ':') // section 3.4.3
	v.text = appendPlain(v.text, r.URI)
	ha2 := v.computeHA2(a)

	v.text = append(append(v.text[:0], secret...), ':')
	v.text = append(appendPlain(v.text, r.Nonce), ':')
	if r.QOP != QOPNone {
		v.text = append(append(v.text, r.nc...), ':')
		v.text = append(appendPlain(v.text, r.CNonce), ':')
		v.text = append(append(v.text, r.qop...), ':')
	}
	v.text = append(v.text, ha2...)
	return v.hash(a)
}

// hash is that of text, valid until the next.
func (v *Verifier) hash(a Algorithm) []byte {
	v.hashes++
	return a.appendHash(v.sum[:0], v.text)
}

// computeHA2 returns the hash of the text, which is that of a method and a URI.
func (v *Verifier) computeHA2(a Algorithm) []byte {
	last := &v.ha2
	if a = a.Base(); a != last.algorithm || !bytes.Equal(last.of, v.text) {
		last.algorithm, last.of = a, append(last.of[:0], v.text...)
		hex.AppendEncode(last.sum[:0], a.appendHash(v.sum[:0], v.text))
	}
	return last.sum[:2*a.Size()]
}
