package wire

import "bytes"

// AppendTelUser appends the user part of a SIP URI that stands for the number of a tel URI (RFC 3261 19.1.6), in the form
// that CanonicalAOR gives a user part. home is the host that goes with it: a phone-context that names it is left out, as
// the number is local to that host anyway.
func AppendTelUser(dst []byte, tel URI, home []byte) []byte {
	start := len(dst)
	dst = appendSubscriber(dst, tel.User, tel.Params, home)
	for _, c := range dst[start:] {
		if !is(c, classUser) {
			return escapeUser(dst, start)
		}
	}
	return dst
}

// escapeUser writes the characters of dst[start:] that may not stand in a user part as escapes.
func escapeUser(dst []byte, start int) []byte {
	end := len(dst)
	for i := start; i < end; i++ {
		c, ok := unescape(dst[i:end])
		if i += 2; !ok {
			i -= 2
			c = dst[i]
		}
		dst = appendUserChar(dst, c)
	}
	return append(dst[:start], dst[end:]...)
}

// canonicalPhone makes dst[start:], a user part in canonical form, that of a telephone number, if it is one in digits. One
// with letters is left alone, since user=phone is also written behind names.
func canonicalPhone(dst []byte, start int, home []byte) []byte {
	number, params, _ := bytes.Cut(dst[start:], []byte{';'})
	if !isDialled(number) || !validParams(params) || bytes.IndexByte(params, '%') >= 0 {
		return dst
	}
	end := len(dst)
	dst = appendSubscriber(dst, number, params, home)
	return append(dst[:start], dst[end:]...)
}

// isDialled reports whether number, of a user part in canonical form, is what a phone can dial.
func isDialled(number []byte) bool {
	digits := 0
	for i := 0; i < len(number); i++ {
		switch c := number[i]; {
		case is(c, classDigit) || c == '*':
			digits++
		case bytes.HasPrefix(number[i:], []byte("%23")): // "#"
			digits++
			i += 2
		case !isTelMark(c) && (c != '+' || i > 0):
			return false
		}
	}
	return digits > 0
}

// appendSubscriber appends a telephone-subscriber of RFC 3966 3 in canonical form: number, isub, ext, and the phone-context
// of a local number unless it is home.
func appendSubscriber(dst, number, params, home []byte) []byte {
	dst = appendUnmarked(dst, number)
	if isub, ok := findParam(params, "isub"); ok {
		dst = appendLower(append(dst, ";isub="...), isub)
	}
	if ext, ok := findParam(params, "ext"); ok {
		dst = appendUnmarked(append(dst, ";ext="...), ext)
	}
	context, ok := findParam(params, "phone-context")
	if !ok || number[0] == '+' {
		return dst
	}
	start := len(dst)
	dst = append(dst, ";phone-context="...)
	at := len(dst)
	if len(context) > 0 && context[0] == '+' {
		return appendUnmarked(dst, context)
	}
	if dst = CanonicalHost(dst, context); len(home) > 0 && equalHost(dst[at:], home) {
		return dst[:start]
	}
	return dst
}

// appendUnmarked appends digits in lower case and without visual separators.
func appendUnmarked(dst, digits []byte) []byte {
	for _, c := range digits {
		if !isTelMark(c) {
			dst = append(dst, Lower(c))
		}
	}
	return dst
}
