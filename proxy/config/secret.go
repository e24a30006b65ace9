package config

import (
	"fmt"
)

// What a secret of random bytes never looks like: of 32 random bytes about 30
// differ, and 16 or fewer of them in one secret of 10^14.
const (
	leastDifferent = 17
	longestPeriod  = SecretSize / 2
)

// checkSecret refuses what nobody's generator of random numbers wrote: a
// placeholder, a counted row, a word said again and again, a password.
func checkSecret(s []byte) error {
	if len(s) != SecretSize {
		return fmt.Errorf("secret has %d bytes, needs %d", len(s), SecretSize)
	}
	if weak := patternOf(s); weak != "" {
		return fmt.Errorf("secret %s: it must be %d random bytes, as `sipring keys` makes them", weak, SecretSize)
	}
	return nil
}

// patternOf says what is regular in a secret; empty for nothing.
func patternOf(s []byte) string {
	seen := map[byte]bool{}
	for _, b := range s {
		seen[b] = true
	}
	switch {
	case len(seen) == 1:
		return fmt.Sprintf("is byte %d throughout", s[0])
	case counted(s):
		return "is a row of numbers"
	case repeats(s):
		return "repeats itself"
	case len(seen) < leastDifferent:
		return fmt.Sprintf("has %d different bytes", len(seen))
	}
	return ""
}

// counted: each byte differs from the one before by the same.
func counted(s []byte) bool {
	for i := 2; i < len(s); i++ {
		if s[i]-s[i-1] != s[1]-s[0] {
			return false
		}
	}
	return true
}

// repeats: the bytes are one shorter row again and again.
func repeats(s []byte) bool {
period:
	for p := 1; p <= longestPeriod; p++ {
		for i := p; i < len(s); i++ {
			if s[i] != s[i-p] {
				continue period
			}
		}
		return true
	}
	return false
}
