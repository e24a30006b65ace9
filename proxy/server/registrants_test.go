package server

import (
	"fmt"
	"testing"
)

// Who calls over a connection is the one that has registered over it, also where more
// have than are noted: a request within the dialog must not look for another.
func TestWhoCallsOverAConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		registered int
		who        string
		want       string
	}{
		"nobody has":             {0, "sip:a@example.com", " 0"},
		"the only one":           {1, "sip:1@example.com", "sip:1@example.com 1"},
		"the first of two":       {2, "sip:1@example.com", "sip:1@example.com 1"},
		"by another name":        {2, "sip:a@example.com", "sip:2@example.com 2"},
		"nobody says who":        {2, "", "sip:2@example.com 2"},
		"noted of many":          {9, "sip:8@example.com", "sip:8@example.com 8"},
		"one of many":            {9, "sip:3@example.com", "sip:3@example.com 0"},
		"nobody says who of all": {9, "", "sip:9@example.com 9"},
	} {
		n := newRegistrants()
		for i := range uint64(tt.registered) {
			n.add(7, fmt.Appendf(nil, "sip:%d@example.com", i+1), i+1)
		}
		if e := n.of(7, []byte(tt.who)); fmt.Sprintf("%s %d", e.AOR, e.Instance) != tt.want {
			t.Errorf("%s: %s %d, want %s", name, e.AOR, e.Instance, tt.want)
		}
	}
}
