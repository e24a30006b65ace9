package command

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

func TestWordFollowsReadiness(t *testing.T) {
	type look struct {
		at               time.Duration
		ready, lettingGo bool
		want             config.Word
	}
	const s, ms = time.Second, time.Millisecond
	tests := map[string][]look{
		"starts":                        {{0, false, false, config.NotYet}, {time.Hour, false, false, config.NotYet}, {time.Hour + ms, true, false, config.Serving}},
		"a moment":                      {{0, true, false, config.Serving}, {s, false, false, config.Serving}, {s + 900*ms, false, false, config.Serving}, {2 * s, true, false, config.Serving}},
		"two moments":                   {{0, true, false, config.Serving}, {s, false, false, config.Serving}, {s + 900*ms, true, false, config.Serving}, {2 * s, false, false, config.Serving}},
		"it lasts, and is over":         {{0, true, false, config.Serving}, {s, false, false, config.Serving}, {2 * s, false, false, config.NotServing}, {3 * s, true, false, config.Serving}},
		"it is not over":                {{0, true, false, config.Serving}, {s, false, false, config.Serving}, {2 * s, false, false, config.NotServing}, {time.Hour, false, false, config.NotServing}},
		"lets go":                       {{0, true, false, config.Serving}, {s, false, true, config.NotServing}},
		"lets go in a bad moment":       {{0, true, false, config.Serving}, {s, false, false, config.Serving}, {s + ms, false, true, config.NotServing}},
		"lets go before it served":      {{0, false, false, config.NotYet}, {s, false, true, config.NotYet}},
		"serves again after it did not": {{0, true, false, config.Serving}, {s, false, true, config.NotServing}, {2 * s, true, false, config.Serving}, {3 * s, false, false, config.Serving}},
	}
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, looks := range tests {
		t.Run(name, func(t *testing.T) {
			w := word{said: config.NotYet}
			for _, l := range looks {
				if got := w.next(begin.Add(l.at), l.ready, l.lettingGo); got != l.want {
					t.Errorf("after %v: %q, want %q", l.at, got, l.want)
				}
			}
		})
	}
}

// TestWordIsKept: a proxy that is in no member set does not serve yet, and says
// so until it ends.
func TestWordIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*wordInterval+1)
		defer cancel()
		var said []config.Word
		(&proxy{}).keepWord(ctx, func(w config.Word) { said = append(said, w) })
		if d := cmp.Diff([]config.Word{config.NotYet, config.NotYet, config.NotYet}, said); d != "" {
			t.Errorf("said (-want +got):\n%s", d)
		}
	})
}
