package forward

import "testing"

func TestIsInvalid(t *testing.T) {
	for host, want := range map[string]bool{
		"df7jal23ls0d.invalid": true, "A.INVALID": true, "a.Invalid.": true, "invalid": false, "a.invalid.example": false, "192.0.2.1": false, "[::1]": false,
	} {
		if got := isInvalid([]byte(host)); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
