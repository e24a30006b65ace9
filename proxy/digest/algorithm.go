package digest

import (
	"crypto/md5" //nolint:gosec // what phones have (RFC 8760 section 2.3)
	"crypto/sha256"
)

// Algorithm is how secrets and responses are hashed (RFC 7616 section 3.3, RFC 8760
// section 2.2).
type Algorithm uint8

// Algorithms. MD5 is what a field means that names none.
const (
	MD5 Algorithm = iota
	SHA256
	MD5Sess
	SHA256Sess
)

// maxHash is the size of the longest hash in bytes.
const maxHash = sha256.Size

var algorithmNames = [...]string{MD5: "MD5", SHA256: "SHA-256", MD5Sess: "MD5-sess", SHA256Sess: "SHA-256-sess"}

// String returns the name as it stands in messages.
func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) {
		return algorithmNames[a]
	}
	return "unknown"
}

// Base is the algorithm whose HA1 is used: that without -sess.
func (a Algorithm) Base() Algorithm {
	switch a {
	case MD5Sess:
		return MD5
	case SHA256Sess:
		return SHA256
	}
	return a
}

// Session reports whether the secret is hashed with nonce and cnonce first.
func (a Algorithm) Session() bool { return a != a.Base() }

// Size is that of a hash in bytes: 16 or 32.
func (a Algorithm) Size() int {
	if a.Base() == SHA256 {
		return sha256.Size
	}
	return md5.Size
}

// ParseAlgorithm reads a name, in any case. An empty one is MD5.
func ParseAlgorithm(name []byte) (a Algorithm, ok bool) {
	if len(name) == 0 {
		return MD5, true
	}
	for i, n := range algorithmNames {
		if equalFold(name, n) {
			return Algorithm(i), true
		}
	}
	return 0, false
}

// appendHash appends the hash of b.
func (a Algorithm) appendHash(dst, b []byte) []byte {
	if a.Base() == SHA256 {
		sum := sha256.Sum256(b)
		return append(dst, sum[:]...)
	}
	sum := md5.Sum(b) //nolint:gosec // as above
	return append(dst, sum[:]...)
}

// HA1 is a user's secret: the hash of username, realm and password, 16 or 32 bytes (RFC
// 7616 section 3.4.2, without what -sess adds). username and realm are without the escapes
// of quoted strings.
func HA1(a Algorithm, username, realm, password []byte) []byte {
	text := make([]byte, 0, len(username)+len(realm)+len(password)+2)
	text = append(append(text, username...), ':')
	text = append(append(text, realm...), ':')
	return a.appendHash(nil, append(text, password...))
}
