package controllers

import "testing"

// TestIdentity: processes that elect one leader have one, wherever they run, and
// those that elect none have each its own.
func TestIdentity(t *testing.T) {
	for want, l := range map[string]Leadership{
		"sipring-system/sipring-operator": {Elect: true, Namespace: "sipring-system"},
		"voice/east-operator":             {Elect: true, Namespace: "voice", ID: "east-operator"},
	} {
		if got := l.identity(); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
	alone := Leadership{Namespace: "voice", ID: "x"}
	if a, b := alone.identity(), alone.identity(); a == b || a == "" {
		t.Errorf("two without an election are both %q", a)
	}
}
