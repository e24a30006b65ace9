package phones

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Called is the outcome of calling phones.
type Called struct {
	// Reached in the time given, and within Soon.
	Reached, Soon Outcome
	// Hungup counts the calls made that could be ended.
	Hungup Outcome
	// Slowest answer of those reached.
	Slowest time.Duration
}

// Calling says how phones are called.
type Calling struct {
	// Order is the phones' indexes; those that matter come first.
	Order []int
	// Patience is how long an answer may take, counted from From; from each
	// call's own start if that is zero. Where one of both is bound to a
	// connection, it may take as long longer as such a phone waits before it opens another.
	Patience time.Duration
	From     time.Time
	// AtOnce is how many are called at the same time; 0 is a number that leaves
	// a small machine room for the proxies.
	AtOnce int
	// Answered is told, concurrently, which phone answered when. It may be nil.
	Answered func(i int, at time.Time)
	// Done is told, concurrently, how each call ended: with an error if it was not
	// answered or could not be hung up. It may be nil.
	Done func(i int, call *Call, err error)
}

// CallAll calls every phone of the order once from its neighbour and hangs up.
func (l *Load) CallAll(ctx context.Context, how Calling) Called {
	var mu sync.Mutex
	n := len(how.Order)
	c := Called{Soon: Outcome{Of: n}}
	c.Reached = each(n, cmp.Or(how.AtOnce, atOnce), func(k int) error {
		from := how.From
		if from.IsZero() {
			from = time.Now()
		}
		i := how.Order[k]
		call, took, err := l.reach(ctx, how, i, from)
		if err != nil {
			how.done(i, nil, err)
			return err
		}
		bye, cancel := context.WithTimeout(ctx, AnswerLimit)
		defer cancel()
		err = call.ByeTo(bye, l.Phones[i])
		how.done(i, call, err)
		mu.Lock()
		defer mu.Unlock()
		c.note(took, err)
		return nil
	})
	return c
}

func (c *Calling) done(i int, call *Call, err error) {
	if c.Done != nil {
		c.Done(i, call, err)
	}
}

// reach calls phone i and tells how long after from it answered.
func (l *Load) reach(ctx context.Context, how Calling, i int, from time.Time) (*Call, time.Duration, error) {
	caller, callee := l.Phones[(i+1)%len(l.Phones)], l.Phones[i]
	ctx, cancel := context.WithDeadline(ctx, from.Add(how.Patience+max(caller.away(), callee.away())))
	defer cancel()
	if err := ctx.Err(); err != nil { // an answer on loopback can be quicker than the notice that it is too late
		return nil, 0, callee.explain(err)
	}
	call, err := caller.Dial(ctx, callee.User())
	if err != nil {
		return nil, 0, callee.explain(err)
	}
	at := time.Now()
	if how.Answered != nil {
		how.Answered(i, at)
	}
	return call, at.Sub(from), nil
}

// explain adds to the error of a call to this phone whether it got here.
func (p *Phone) explain(err error) error {
	var lost *dialError
	if !errors.As(err, &lost) {
		return err
	}
	p.mu.Lock()
	_, here := p.calls[lost.callID]
	p.mu.Unlock()
	if here {
		return fmt.Errorf("%w (it reached the phone)", err)
	}
	return fmt.Errorf("%w (it never reached the phone)", err)
}

// Add takes the outcome of more calls in.
func (c *Called) Add(more Called) {
	c.Reached.Add(more.Reached)
	c.Soon.Add(more.Soon)
	c.Hungup.Add(more.Hungup)
	c.Slowest = max(c.Slowest, more.Slowest)
}

// note counts a call that was answered after so long.
func (c *Called) note(took time.Duration, bye error) {
	c.Slowest = max(c.Slowest, took)
	if took <= Soon {
		c.Soon.OK++
	}
	c.Hungup.Count(bye)
}
