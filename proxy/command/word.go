package command

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

const (
	// wordInterval is how often the proxy looks whether it serves.
	wordInterval = 100 * time.Millisecond
	// wordAfter is for how long it must not have served before it says so: what
	// is over sooner moves no traffic.
	wordAfter = time.Second
)

// word is what the proxy says of itself, as it follows from its readiness.
type word struct {
	said config.Word
	// since is when it began not to be ready; zero while it is.
	since time.Time
}

// next is the word now. That it serves is said at once, and so is that it hands
// over what still comes here; that it does not, for whatever else, once it lasts.
func (w *word) next(now time.Time, ready, lettingGo bool) config.Word {
	switch {
	case ready:
		w.said, w.since = config.Serving, time.Time{}
	case w.said != config.Serving:
	case w.since.IsZero() && !lettingGo:
		w.since = now
	case lettingGo || now.Sub(w.since) >= wordAfter:
		w.said = config.NotServing
	}
	return w.said
}

// keepWord tells what the proxy says of itself until ctx ends: whoever steers
// traffic hears it from the proxy itself, whether probes reach it or not.
func (p *proxy) keepWord(ctx context.Context, say func(config.Word)) {
	w := word{said: config.NotYet}
	tick := time.NewTicker(wordInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			ready, _ := backend{p}.Ready()
			say(w.next(now, ready, p.lettingGo.Load()))
		}
	}
}
