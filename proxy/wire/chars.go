package wire

// Character classes of RFC 3261 25.1.
const (
	classToken    = 1 << iota // token
	classLWS                  // SP, HTAB, and CR LF, which inside a header value can only be folding
	classUser                 // unreserved and user-unreserved: what stands for itself in a user part
	classHost                 // hostname and IPv4address, and "_", which the grammar forgets and networks use
	classURIBad               // never in a URI: controls, space, quote, angle brackets
	classDigit                // DIGIT
	classVisible              // neither a control nor a space
	classParamSep             // ends a run of ordinary characters in parameters: ; = " , < and LWS
)

var charClass = buildCharClass()

func buildCharClass() (t [256]uint8) {
	set := func(class uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	for c := range 256 {
		b := byte(c)
		switch {
		case b >= '0' && b <= '9':
			t[c] |= classToken | classUser | classHost | classDigit | classVisible
		case Lower(b) >= 'a' && Lower(b) <= 'z':
			t[c] |= classToken | classUser | classHost | classVisible
		case b <= ' ' || b == 0x7f:
			t[c] |= classURIBad
		default:
			t[c] |= classVisible
		}
	}
	set(classToken, "-.!%*_+`'~")
	set(classLWS, " \t\r\n")
	set(classUser, "-_.!~*'()&=+$,;?/")
	set(classHost, "-._")
	set(classURIBad, "\"<>")
	set(classParamSep, ";=\",< \t\r\n")
	return t
}

func is(c byte, class uint8) bool { return charClass[c]&class != 0 }

// all reports whether b is not empty and every byte of it is of the class.
func all(b []byte, class uint8) bool {
	for _, c := range b {
		if charClass[c]&class == 0 {
			return false
		}
	}
	return len(b) > 0
}

// none reports whether no byte of b is of the class.
func none(b []byte, class uint8) bool {
	for _, c := range b {
		if charClass[c]&class != 0 {
			return false
		}
	}
	return true
}

// Lower is the lower-case form of an ASCII letter, and any other byte as it is.
func Lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// equalFold reports whether b, with ASCII letters in any case, is s, which is lower-case.
func equalFold[T []byte | string](b []byte, s T) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range len(b) {
		if Lower(b[i]) != Lower(s[i]) {
			return false
		}
	}
	return true
}

// skipLWS returns the index of the first byte of b at or after i that is not white space.
func skipLWS(b []byte, i int) int {
	for i < len(b) && is(b[i], classLWS) {
		i++
	}
	return i
}

// trimLWS returns b without white space at its ends.
func trimLWS(b []byte) []byte {
	start := skipLWS(b, 0)
	end := len(b)
	for end > start && is(b[end-1], classLWS) {
		end--
	}
	return b[start:end]
}

// parseUint reads decimal digits. Values over most saturate at most+1, so that the caller tells "too large" from
// "malformed" (ok false: empty, or something other than digits).
func parseUint(b []byte, most uint64) (v uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if v <= most {
			v = v*10 + uint64(c-'0')
		}
	}
	return min(v, most+1), true
}
