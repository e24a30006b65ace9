package config

// Word is what a proxy says of itself, in AnnotationServing of its Lease.
type Word string

// Words. What is none of them counts as Silent.
const (
	// Silent: it has said nothing.
	Silent Word = ""
	// NotYet: its process has not served since it started.
	NotYet Word = "not-yet"
	// Serving: it holds what it owns and answers.
	Serving Word = "yes"
	// NotServing: its process did serve, and does not at present.
	NotServing Word = "no"
)

// ParseWord reads AnnotationServing, in which a proxy may write what it likes.
func ParseWord(text string) Word {
	switch w := Word(text); w {
	case NotYet, Serving, NotServing:
		return w
	}
	return Silent
}
