package application

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// local is a Local whose checks say what result says, each second, in a bubble.
func local(t *testing.T, result *atomic.Int32) (l *Local, told *[]State) {
	l = NewLocal(app(config.CheckOptions, config.ProtocolUDP, 5080, 1000, 3), Host(""), 4, time.Hour, slog.New(slog.DiscardHandler))
	l.checker.prober = &script{says: func(time.Time) (Result, time.Duration) { return Result(result.Load()), 0 }}
	told = &[]State{}
	l.Tell(func(s State) { *told = append(*told, s) })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx, 9) }()
	t.Cleanup(func() { cancel(); <-done })
	return l, told
}

// TestLocalTellsOfItsApplication: Unknown until something is known, each change once, and that it leaves whatever its
// health is.
func TestLocalTellsOfItsApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var result atomic.Int32 // Healthy
		l, told := local(t, &result)
		synctest.Wait()
		if l.State() != Unknown || l.Table.Serves(4) {
			t.Errorf("after one success: %s", l.State())
		}
		time.Sleep(1500 * time.Millisecond)
		if since := time.Now().Add(-500 * time.Millisecond).UnixMilli(); l.Status() != (Status{State: "Serving", Since: since}) || !l.Table.Serves(4) || !l.Stats().Healthy || l.Stats().Serving != 1 {
			t.Errorf("%+v", l.Status())
		}
		l.CallBegan([]byte("a"), []byte("1"))
		if due := l.PinsDue(10); len(due) != 1 {
			t.Errorf("of a call %v are due", due)
		}
		result.Store(int32(Failed))
		time.Sleep(3 * time.Second)
		if l.Table.State(4) != Down || l.Calls() != 1 {
			t.Errorf("it hangs: %s, %d calls", l.Table.State(4), l.Calls())
		}
		result.Store(int32(Healthy))
		time.Sleep(2 * time.Second)
		if due := l.PinsDue(10); l.State() != Serving || len(due) != 1 { // another one may have had it
			t.Errorf("%s again, and of its call %v are due", l.State(), due)
		}
		result.Store(int32(Refused))
		time.Sleep(time.Second)
		if l.Calls() != 0 {
			t.Error("it is gone, and its calls are not")
		}
		result.Store(int32(Healthy))
		time.Sleep(2 * time.Second)
		l.CallBegan([]byte("a"), []byte("2"))
		l.Refused()
		if l.State() != Down || l.Calls() != 0 {
			t.Errorf("a call was refused: %s, %d calls", l.State(), l.Calls())
		}
		time.Sleep(2 * time.Second)
		l.CallBegan([]byte("a"), []byte("3"))
		l.Leave()
		result.Store(int32(Failed))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if l.Table.State(4) != Leaving || l.Calls() != 1 || l.Stats().Healthy || l.Stats().Serving != 0 {
			t.Errorf("it leaves: %s, %d calls", l.Table.State(4), l.Calls())
		}
		if want := []State{Serving, Down, Serving, Down, Serving, Down, Serving, Leaving}; !slices.Equal(*told, want) {
			t.Errorf("told %v, want %v", *told, want)
		}
	})
}

// TestNothingIsPinnedToWhatDoesNotServe: the pin may be another application's by then.
func TestNothingIsPinnedToWhatDoesNotServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var result atomic.Int32 // Healthy
		l, _ := local(t, &result)
		time.Sleep(1500 * time.Millisecond)
		l.CallBegan([]byte("a"), []byte("1"))
		l.CallBegan([]byte("b"), []byte("2"))
		if got := l.PinsDue(10); len(got) != 2 {
			t.Errorf("%v", got)
		}
		l.PinWritten()
		l.PinFailed("b")
		result.Store(int32(Failed))
		time.Sleep(4 * time.Second)
		if got := l.PinsDue(10); len(got) != 0 {
			t.Errorf("of one that is down: %v", got)
		}
		result.Store(int32(Healthy))
		time.Sleep(4 * time.Second)
		if got := l.PinsDue(10); len(got) != 2 { // the one that could not be written, and the one that another may have taken
			t.Errorf("back: %v", got)
		}
		if s := l.Stats(); s.PinsWritten != 1 || s.PinsFailed != 1 || s.Pins != 2 || s.Calls != 2 || s.ChecksFailed != 4 || s.ChecksHealthy < 5 {
			t.Errorf("%+v", s)
		}
		l.Table.Set(5, 1, Serving)
		if !l.MayPin(4) || l.MayPin(5) || !l.MayPin(6) {
			t.Error("it may pin what is its own or of nobody who serves, and nothing else")
		}
		l.Leave()
		l.CallEnded([]byte("1"))
		l.CallGoesOn([]byte("2"))
		if got := l.PinsDue(10); len(got) != 0 || l.Calls() != 1 {
			t.Errorf("of one that leaves: %v, %d calls", got, l.Calls())
		}
	})
}
