package credentials

import "unicode/utf8"

// maxName bounds user names and realms, in bytes.
const maxName = 255

// keyBuffer has room for a key.
type keyBuffer [2*maxName + 1]byte

// appendKey appends what a user is found by. ok is false for names that nobody has: see validName.
func appendKey(dst, username, realm []byte) (key []byte, ok bool) {
	if !validName(username) || !validName(realm) {
		return dst, false
	}
	dst = append(append(dst, username...), 0)
	return append(dst, realm...), true
}

// validName reports whether a user or a realm may have this name: 1 to 255 bytes of UTF-8 without control characters.
// Others are never looked for, so no source has to cope with them.
func validName(name []byte) bool {
	if len(name) == 0 || len(name) > maxName || !utf8.Valid(name) {
		return false
	}
	for _, c := range name {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
