package control

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "sip:bob@example.com", true},
		{"**", "a", true},
		{"sip:bob@example.com", "sip:bob@example.com", true},
		{"sip:bob@example.com", "sip:bob@example.com.", false},
		{"sip:b?b@*", "sip:bob@example.com", true},
		{"sip:b?b@*", "sip:bb@example.com", false},
		{"*bob*", "sip:bob@example.com", true},
		{"*@example.org", "sip:bob@example.com", false},
		{"*a*b*c", "aXbXbXc", true},
		{"*a*b*c", "aXbXbX", false},
		{"?", "*", true},
		{"[a-z]", "a", false},
		{`\*`, "*", false},
	} {
		if got := Match(tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q of %q: %v", tt.pattern, tt.text, got)
		}
	}
}

// TestMatchIsBounded: patterns that have others try every way take no longer than their length times that of the text.
func TestMatchIsBounded(t *testing.T) {
	text := strings.Repeat("a", 2048)
	for _, pattern := range []string{
		strings.Repeat("a*", MaxGlob/2-1) + "b",
		strings.Repeat("*a", MaxGlob/2-1) + "b",
		"*" + strings.Repeat("a", MaxGlob-2) + "b",
		strings.Repeat("*?", MaxGlob/2-1) + "b",
	} {
		least := time.Hour
		for range 10 { // the machine may be busy, not every time
			began := time.Now()
			if Match(pattern, text) {
				t.Fatalf("%q matches", pattern)
			}
			least = min(least, time.Since(began))
		}
		if least > 200*time.Millisecond {
			t.Errorf("%q takes %s", pattern, least)
		}
	}
}

// FuzzMatch against the regular expression that means the same.
func FuzzMatch(f *testing.F) {
	f.Add("sip:*@example.com", "sip:bob@example.com")
	f.Add("*a*b?c*", "aabbcc")
	f.Add("?*?", "\xff\x00")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > MaxGlob || len(text) > 2048 {
			return
		}
		want, err := regexp.Compile(expression(pattern))
		if err != nil {
			t.Fatal(err)
		}
		if got := Match(pattern, text); got != want.MatchString(hex(text)) {
			t.Errorf("%q of %q: %v", pattern, text, got)
		}
	})
}

// hex and expression write bytes as two letters each, as an expression knows characters only.
func hex(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte('a' + text[i]>>4)
		b.WriteByte('a' + text[i]&15)
	}
	return b.String()
}

func expression(pattern string) string {
	var b strings.Builder
	b.WriteString("^")
	for i := range len(pattern) {
		switch pattern[i] {
		case '*':
			b.WriteString("(?:..)*")
		case '?':
			b.WriteString("..")
		default:
			b.WriteString(hex(pattern[i : i+1]))
		}
	}
	return b.String() + "$"
}
