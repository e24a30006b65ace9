package peer

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
)

// A process whose pings come but one of whose cores hangs answers 503 for that
// core's share, and its peers wait for it, for ever. So who is pinged is who
// serves: the loop visits every core in each of its rounds, and a process in
// which no round is completed ends its streams with the word that it is away. It
// takes no streams and no operations until rounds are completed again. Its peers
// count it as dead meanwhile.
const (
	// stuckAfter is how long no round may be completed. A look at that which comes
	// late counts for two at most: a process that as a whole got no CPU is not stuck.
	stuckAfter = silence
	// soundLooks is at how many looks in a row rounds must have been completed
	// before a process that was stuck serves again.
	soundLooks = 3
)

var (
	// errAway: a process said of itself that it cannot serve.
	errAway = errors.New("its cores make no steps")
	errBack = errors.New("this process was away")
)

// watchdog has the process step aside while its loop completes no rounds. One
// goroutine runs it, which waits for no lock that a core may hold up.
type watchdog struct {
	sound   *soundness
	pace    *pace
	clock   *clock
	cores   *cores
	links   *links
	view    *current
	metrics *metrics
	events  *eventLog
	log     *slog.Logger
}

// run looks whether rounds are completed, until the context ends.
func (w *watchdog) run(ctx context.Context) {
	t := time.NewTimer(untilNext(restInterval))
	defer t.Stop()
	v := newVigil(time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			t.Reset(untilNext(restInterval))
			switch v.look(now, w.pace.rounds.Load()) {
			case isStuck:
				w.stepAside()
			case isSound:
				w.comeBack()
			}
		}
	}
}

// stepAside lets others serve. It must not wait for a core, nor for
// membership.mu, which waits for cores. What the sound cores hold may be
// superseded from here on, so they stop first.
func (w *watchdog) stepAside() {
	if w.sound.stuck.Load() {
		return
	}
	w.sound.lose()
	w.metrics.stuck.Inc()
	w.events.add(Event{Kind: EventStuck, Epoch: w.view.epoch(), Detail: w.where()})
	w.log.Error("this process makes no steps: others take over", "where", w.where())
	for _, l := range w.links.all() {
		if s := l.stream(); s != nil {
			s.part(kindAway, errAway)
		}
	}
}

// where is what hangs, as far as a look tells: whatever is locked.
func (w *watchdog) where() string {
	locked := w.cores.locked()
	if len(locked) == 0 {
		return "membership"
	}
	return strings.Join(locked, ", ")
}

// comeBack serves again. Every core first asks whether it is counted in.
func (w *watchdog) comeBack() {
	if !w.sound.stuck.Load() {
		return
	}
	w.clock.stops.Add(1)
	w.sound.regain()
	w.events.add(Event{Kind: EventSound, Epoch: w.view.epoch()})
	w.log.Warn("this process makes steps again")
}

// live is Node.Live.
func (w *watchdog) live() (bool, string) {
	if w.sound.stuck.Load() {
		return false, "no steps: " + w.where()
	}
	return true, ""
}

// vigil judges by the rounds that are completed, looked at every restInterval.
type vigil struct {
	pulse
	looks int // in a row at which all was well
}

type verdict uint8

const (
	isUnclear verdict = iota
	isStuck
	isSound
)

func newVigil(now time.Time) *vigil { return &vigil{pulse: pulse{lastRead: now, lastLook: now}} }

func (v *vigil) look(now time.Time, rounds uint64) verdict {
	v.looks++
	quiet := v.quiet(now, int64(rounds), restInterval)
	if quiet > stuckAfter/2 {
		v.looks = 0
	}
	switch {
	case quiet > stuckAfter:
		return isStuck
	case v.looks >= soundLooks:
		return isSound
	}
	return isUnclear
}
