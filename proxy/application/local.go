package application

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Local is the application beside this proxy, as its own member sees it, with what is known of the others'. Safe for
// concurrent use.
type Local struct {
	// Table is of all members; this member's own row is kept by Run.
	Table Table
	// Pins counts what became of pins that were to be written.
	Pins struct{ Written, Held, Failed atomic.Uint64 }

	member  uint32
	calls   *Calls
	checker *Checker
	log     *slog.Logger
	began   time.Time // 0 of the clock of calls

	mu      sync.Mutex
	life    uint32
	running bool
	known   bool // something is
	serves  bool
	last    Result
	leaving bool
	state   State
	since   time.Time
	tell    func(State)
}

// NewLocal returns the application of a member, at a host. Its configuration has its defaults. callLife is after what time without
// a message a call counts for ended: that of a token.
func NewLocal(app *config.LocalApp, host netip.Addr, member uint32, callLife time.Duration, log *slog.Logger) *Local {
	l := &Local{member: member, began: time.Now(), since: time.Now(), log: log}
	l.calls = NewCalls(callLife.Milliseconds(), int64(*app.PinSeconds)*1000)
	l.checker = NewChecker(app, host, l.took)
	return l
}

// Run looks after the application until ctx ends, for the process of that life. It is called once.
func (l *Local) Run(ctx context.Context, life uint32) {
	l.mu.Lock()
	l.life, l.running = life, true
	l.update()
	l.mu.Unlock()
	l.checker.Run(ctx)
}

// Tell has tell called with each change of State from now on, in order and one at a time. It must not ask Local.
func (l *Local) Tell(tell func(State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = tell
}

// State is what this member says of its application.
func (l *Local) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Leave has the application take no new call from now on: this member drains.
func (l *Local) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving = true
	l.update()
}

// Refused tells that a message found nothing at the application's port.
func (l *Local) Refused() { l.checker.Refused() }

// took takes a result. Where nothing listens there is no process any more that has calls.
func (l *Local) took(r Result, serves bool) {
	if r == Refused {
		l.calls.EndAll(l.now())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = l.known || serves || r != Healthy // one success says nothing yet
	l.serves, l.last = serves, r
	l.update()
}

// update takes the state that follows from the rest into the table, and tells it.
func (l *Local) update() {
	next := Unknown
	switch {
	case l.leaving:
		next = Leaving
	case l.serves:
		next = Serving
	case l.known:
		next = Down
	}
	if next != l.state {
		if l.state, l.since = next, time.Now(); next == Serving {
			l.calls.Anew(l.now())
		}
		l.say()
		if l.tell != nil {
			defer l.tell(next)
		}
	}
	if l.running {
		l.Table.Set(l.member, l.life, next)
	}
}

// say logs the state.
func (l *Local) say() {
	switch l.state {
	case Serving:
		l.log.Info("the application serves")
	case Down:
		l.log.Warn("the application does not serve: new calls go elsewhere", "check", l.last.String())
	case Leaving:
		l.log.Info("the application gets no new calls: this proxy leaves", "calls", l.calls.Live())
	}
}

// CallBegan counts a call for an address-of-record whose INVITE the application has accepted, and reports whether there
// is room for it. The key is that of AppendKey.
func (l *Local) CallBegan(aor, key []byte) bool { return l.calls.Begin(aor, key, l.now()) }

// CallComes tells of an INVITE for an address-of-record that is given to the application.
func (l *Local) CallComes(aor []byte) { l.calls.Invited(aor, l.now()) }

// CallGoesOn tells of a message within a call.
func (l *Local) CallGoesOn(key []byte) { l.calls.Touch(key, l.now()) }

// CallEnded ends a call.
func (l *Local) CallEnded(key []byte) { l.calls.End(key, l.now()) }

// Calls is how many calls the application has.
func (l *Local) Calls() int { return l.calls.Live() }

// PinsDue is to be asked each second. It returns the pins that are to be written now, at most so many: none while the application takes no new calls,
// so as not to take the place of the pins of another one.
func (l *Local) PinsDue(most int) []PinDue {
	if l.State() != Serving {
		most = 0
	}
	return l.calls.Due(l.now(), most)
}

// PinNews tells that PinsSoon has some.
func (l *Local) PinNews() <-chan struct{} { return l.calls.News() }

// PinsSoon is PinsDue of those that are not to wait until that is asked next.
func (l *Local) PinsSoon() []PinDue {
	if l.State() != Serving { // they stay due
		return nil
	}
	return l.calls.DueSoon(l.now())
}

// MayPin reports whether a pin may be written over one that is there, to the application of a member: not where that is
// another one that serves. So of applications that have calls of one address-of-record at the same time one keeps the
// pin, until its calls have ended or it does not serve.
func (l *Local) MayPin(pinned uint32) bool { return pinned == l.member || !l.Table.Serves(pinned) }

// PinWritten tells that one was, PinHeld that MayPin had it left to another application, for that long, and PinFailed that it could not
// be written.
func (l *Local) PinWritten() { l.Pins.Written.Add(1) }

// PinHeld is explained at PinWritten.
func (l *Local) PinHeld(aor string, left time.Duration) {
	l.Pins.Held.Add(1)
	l.calls.Held(aor, left.Milliseconds(), l.now())
}

// PinFailed is explained at PinWritten. The pin is due again in a second.
func (l *Local) PinFailed(aor string) {
	l.Pins.Failed.Add(1)
	l.calls.Again(aor, l.now())
}

func (l *Local) now() int64 { return time.Since(l.began).Milliseconds() }
