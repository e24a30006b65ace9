package control

// MaxGlob is the longest pattern, in bytes.
const MaxGlob = 256

// Match reports whether a pattern is all of the text: * stands for any bytes, also none, ? for one, and every other byte
// for itself. It goes back to the last * only, so it takes no more than len(pattern)*len(text) steps.
func Match(pattern, text string) bool {
	p, t := 0, 0
	star, resume := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
