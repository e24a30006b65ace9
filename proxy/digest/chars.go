package digest

// Classes of characters.
const (
	inName   = 1 << iota // of a token (RFC 3261 section 25.1)
	space                // SP, HTAB, and CR LF, which can only be folding
	control              // what no name is made of
	endsWord             // ends a value without quotes, or is not allowed in it
	endsText             // ends a quoted string, or is not allowed in it, or escapes
)

var classes = buildClasses()

func buildClasses() (t [256]uint8) {
	set := func(class uint8, chars string) {
		for i := range len(chars) {
			t[chars[i]] |= class
		}
	}
	for c := range 256 {
		b := byte(c)
		switch {
		case b >= '0' && b <= '9', lower(b) >= 'a' && lower(b) <= 'z':
			t[c] |= inName
		case b < ' ' && b != '\t', b == 0x7f:
			t[c] |= control | endsWord | endsText
		}
	}
	set(inName, "-.!%*_+`'~")
	set(space, " \t\r\n")
	set(endsWord, " \t,\"\\")
	set(endsText, "\"\\")
	return t
}

func isSpace(c byte) bool { return classes[c]&space != 0 }

func isControl(c byte) bool { return classes[c]&control != 0 }
