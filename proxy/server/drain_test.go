package server

import (
	"testing"
	"time"
)

// TestQuietIsWhatWasSeen: a proxy that did not run does not know that nothing came.
func TestQuietIsWhatWasSeen(t *testing.T) {
	type look struct {
		after    time.Duration
		requests uint64
	}
	steady := func(looks ...look) []look {
		for range drainQuiet/drainPoll - 1 {
			looks = append(looks, look{drainPoll, looks[len(looks)-1].requests})
		}
		return looks
	}
	for name, tt := range map[string]struct {
		looks []look
		want  bool // at the last
	}{
		"not yet":                          {steady(look{0, 7}), false},
		"quiet":                            {append(steady(look{0, 7}), look{drainPoll, 7}), true},
		"a request at the end":             {append(steady(look{0, 7}), look{drainPoll, 8}), false},
		"quiet after a request":            {append(steady(look{0, 7}, look{time.Second, 8}), look{drainPoll, 8}), true},
		"it stood still for a long time":   {[]look{{0, 7}, {time.Minute, 7}}, false},
		"it stood still, and then noticed": {[]look{{0, 7}, {time.Minute, 7}, {drainPoll, 8}, {drainPoll, 8}}, false},
	} {
		var q quiet
		now, got := time.Unix(1, 0), false
		for _, l := range tt.looks {
			now = now.Add(l.after)
			got = q.lasts(now, l.requests)
		}
		if got != tt.want {
			t.Errorf("%s: quiet %v, want %v", name, got, tt.want)
		}
	}
}
