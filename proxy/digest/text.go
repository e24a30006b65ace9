package digest

import (
	"bytes"
	"encoding/hex"

	"github.com/sipring/sipring/proxy/wire"
)

func lower(c byte) byte { return wire.Lower(c) }

// equalFold compares ASCII letters without case.
func equalFold[T []byte | string](b []byte, s T) bool {
	if len(b) != len(s) {
		return false
	}
	if string(b) == string(s) {
		return true
	}
	for i := range len(b) {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

// appendPlain appends what stands in a quoted string, without the escapes.
func appendPlain(dst, quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return append(dst, quoted...)
	}
	for i := 0; i < len(quoted); i++ {
		if quoted[i] == '\\' && i+1 < len(quoted) {
			i++
		}
		dst = append(dst, quoted[i])
	}
	return dst
}

// appendQuoted appends text as a quoted string. Control characters, which no header field
// may have, are left out.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		if isControl(c) {
			continue
		}
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// readHex decodes hexadecimal digits, in any case, into dst, which has room. ok is false
// for anything else.
func readHex(dst, text []byte) (ok bool) {
	n, err := hex.Decode(dst, text)
	return err == nil && n == len(dst)
}

// readCount reads 1 to 8 hexadecimal digits (RFC 7616 section 3.4: nc).
func readCount(text []byte) (n uint32, ok bool) {
	if len(text) < 1 || len(text) > 8 {
		return 0, false
	}
	for _, c := range text {
		switch c = lower(c); {
		case c >= '0' && c <= '9':
			n = n<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint32(c-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
