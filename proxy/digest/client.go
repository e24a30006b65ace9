package digest

import (
	"encoding/hex"
	"fmt"
)

// Proof is what a phone answers a challenge with.
type Proof struct {
	// Proxy: the challenge came with 407, in Proxy-Authenticate.
	Proxy    bool
	Username []byte
	// HA1 is the user's secret for the challenge's algorithm, realm and this Username.
	HA1 []byte
	// Method and URI are those of the request line.
	Method, URI []byte
	// CNonce is the phone's own nonce: letters and digits.
	CNonce []byte
	// Count is how many requests with this nonce there were, this one included.
	Count uint32
}

// AppendAuthorization appends the Authorization header line that answers a challenge, or
// Proxy-Authorization if Proxy (RFC 7616 section 3.4).
func AppendAuthorization(dst []byte, c *Challenge, p *Proof) []byte {
	r := Response{
		Username: p.Username, Nonce: c.Nonce, URI: p.URI, CNonce: p.CNonce,
		Algorithm: c.Algorithm, QOP: c.QOP, Count: p.Count,
	}
	if c.QOP == QOPAuth {
		r.nc, r.qop = fmt.Appendf(nil, "%08x", p.Count), []byte("auth")
	}
	var v Verifier
	response := v.compute(&r, p.Method, p.HA1)

	if p.Proxy {
		dst = append(dst, "Proxy-"...)
	}
	dst = append(dst, "Authorization: Digest username="...)
	dst = appendQuoted(dst, p.Username)
	dst = fmt.Appendf(dst, `, realm="%s", nonce="%s", uri="%s", response="%x", algorithm=%s`,
		c.Realm, c.Nonce, p.URI, response, c.Algorithm)
	if c.QOP == QOPAuth {
		dst = fmt.Appendf(dst, `, qop=auth, cnonce="%s", nc=%s`, p.CNonce, r.nc)
	} else if c.Algorithm.Session() {
		dst = fmt.Appendf(dst, `, cnonce="%s"`, p.CNonce)
	}
	if c.Opaque != nil {
		dst = fmt.Appendf(dst, `, opaque="%s"`, c.Opaque)
	}
	return append(dst, "\r\n"...)
}

// Secret is HA1 for a challenge: of its algorithm and realm.
func (c *Challenge) Secret(username, password []byte) []byte {
	return HA1(c.Algorithm, username, appendPlain(nil, c.Realm), password)
}

// AppendCNonce appends chance as a CNonce.
func AppendCNonce(dst []byte, chance [8]byte) []byte { return hex.AppendEncode(dst, chance[:]) }
