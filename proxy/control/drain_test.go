package control

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
)

// leaving is a backend that says what comes down a channel.
type leaving struct {
	Backend
	says  chan answers.Drain
	err   error
	bound *time.Duration // what it is told
}

func (l leaving) Drain(ctx context.Context, atMost time.Duration, tell func(answers.Drain) error) error {
	if l.bound != nil {
		*l.bound = atMost
	}
	for {
		select {
		case d, ok := <-l.says:
			if !ok {
				return l.err
			}
			if err := tell(d); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestDrainTellsEachChange as it comes, until the proxy is drained.
func TestDrainTellsEachChange(t *testing.T) {
	says := make(chan answers.Drain)
	_, path := start(t, leaving{says: says})
	want := []answers.Drain{{Calls: 2}, {HandedOver: true, Calls: 2}, {HandedOver: true, Calls: 1}, {HandedOver: true, Drained: true}}
	var got []answers.Drain
	told, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- NewClient(path).Drain(t.Context(), func(d answers.Drain) error {
			got = append(got, d)
			told <- struct{}{}
			return nil
		})
	}()
	for _, d := range want {
		says <- d
		<-told // before anything follows it
	}
	if err := <-ended; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %+v, want %+v", err, got, want)
	}
}

// TestDrainThatDoesNotEnd is an error: of the proxy, of a proxy that ends, of the client's own time.
func TestDrainThatDoesNotEnd(t *testing.T) {
	says := make(chan answers.Drain)
	close(says)
	ignore := func(answers.Drain) error { return nil }
	_, path := start(t, leaving{says: says, err: &Problem{http.StatusServiceUnavailable, "not yet"}})
	if err := NewClient(path).Drain(t.Context(), ignore); err == nil || err.Error() != "not yet" {
		t.Errorf("refused: %v", err)
	}
	said := make(chan answers.Drain, 1)
	said <- answers.Drain{Calls: 1}
	s, path := start(t, leaving{says: said})
	err := NewClient(path).Drain(t.Context(), func(answers.Drain) error {
		go func() { _ = s.Close() }()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "ended before it was drained") && !strings.Contains(err.Error(), "EOF") {
		t.Errorf("the proxy ends: %v", err)
	}
	said <- answers.Drain{Calls: 1}
	_, path = start(t, leaving{says: said})
	ctx, cancel := context.WithCancel(t.Context())
	if err := NewClient(path).Drain(ctx, func(answers.Drain) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the client goes: %v", err)
	}
}

// TestDrainIsToldHowLongItIsWaitedFor, where whoever asks knows.
func TestDrainIsToldHowLongItIsWaitedFor(t *testing.T) {
	for name, tt := range map[string]struct{ timeout, least, most time.Duration }{
		"a minute": {time.Minute, 50 * time.Second, time.Minute},
		"no bound": {0, 0, 0},
	} {
		says, bound := make(chan answers.Drain, 1), time.Duration(-1)
		says <- answers.Drain{Drained: true}
		close(says)
		_, path := start(t, leaving{says: says, bound: &bound})
		ctx := t.Context()
		if tt.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, tt.timeout)
			defer cancel()
		}
		if err := NewClient(path).Drain(ctx, func(answers.Drain) error { return nil }); err != nil || bound < tt.least || bound > tt.most {
			t.Errorf("%s: %v, told %v", name, err, bound)
		}
	}
}
