package phones

import (
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
	// Slowest set-up of those reached.
	Slowest time.Duration
}

// Calling says how phones are called.
type Calling struct {
	// Order is the phones' indexes; those that matter come first.
	Order []int
	// Patience is how long an answer may take.
	Patience time.Duration
	// Answered is told, concurrently, which phone answered when. It may be nil.
	Answered func(i int, at time.Time)
}

// CallAll calls every phone of the order once from its neighbour and hangs up.
func (l *Load) CallAll(ctx context.Context, how Calling) Called {
	var mu sync.Mutex
	n := len(how.Order)
	c := Called{Soon: Outcome{Of: n}}
	c.Reached = each(n, func(k int) error {
		call, err := l.reach(ctx, how, how.Order[k])
		if err != nil {
			return err
		}
		bye, cancel := context.WithTimeout(ctx, AnswerLimit)
		defer cancel()
		err = call.Bye(bye)
		mu.Lock()
		defer mu.Unlock()
		c.note(call.Setup, err)
		return nil
	})
	return c
}

// reach calls phone i.
func (l *Load) reach(ctx context.Context, how Calling, i int) (*Call, error) {
	ctx, cancel := context.WithTimeout(ctx, how.Patience)
	defer cancel()
	call, err := l.Phones[(i+1)%len(l.Phones)].Dial(ctx, l.Phones[i].User())
	if err != nil {
		return nil, l.Phones[i].explain(err)
	}
	if how.Answered != nil {
		how.Answered(i, time.Now())
	}
	return call, nil
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
	c.Reached.add(more.Reached)
	c.Soon.add(more.Soon)
	c.Hungup.add(more.Hungup)
	c.Slowest = max(c.Slowest, more.Slowest)
}

// note counts a call that was answered after setup.
func (c *Called) note(setup time.Duration, bye error) {
	c.Slowest = max(c.Slowest, setup)
	if setup <= Soon {
		c.Soon.OK++
	}
	c.Hungup.Of++
	if bye != nil {
		c.Hungup.fail(bye)
		return
	}
	c.Hungup.OK++
}
