package phones

import (
	"context"
	"sync"
	"time"
)

// Called is the outcome of calling phones.
type Called struct {
	// Reached in the time given, and within Soon at the first try.
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
	// Patience is how long each try may take, and Tries how many there may be.
	// 0 tries are one.
	Patience time.Duration
	Tries    int
	// Answered is told, concurrently, which phone answered when. It may be nil.
	Answered func(i int, at time.Time)
}

// CallAll calls every phone of the order once from its neighbour and hangs up.
func (l *Load) CallAll(ctx context.Context, how Calling) Called {
	var mu sync.Mutex
	n := len(how.Order)
	c := Called{Soon: Outcome{Of: n}}
	c.Reached = each(n, func(k int) error {
		call, try, err := l.reach(ctx, how, how.Order[k])
		if err != nil {
			return err
		}
		bye, cancel := context.WithTimeout(ctx, AnswerLimit)
		defer cancel()
		err = call.Bye(bye)
		mu.Lock()
		defer mu.Unlock()
		c.note(call.Setup, try, err)
		return nil
	})
	return c
}

// reach calls phone i until a try is answered, and tells which that was.
func (l *Load) reach(ctx context.Context, how Calling, i int) (call *Call, try int, err error) {
	caller, callee := l.Phones[(i+1)%len(l.Phones)], l.Phones[i]
	for try = 1; ; try++ {
		dial, cancel := context.WithTimeout(ctx, how.Patience)
		call, err = caller.Dial(dial, callee.User())
		cancel()
		if err == nil && how.Answered != nil {
			how.Answered(i, time.Now())
		}
		if err == nil || try >= how.Tries {
			return call, try, err
		}
	}
}

// note counts a call that was answered after setup at that try.
func (c *Called) note(setup time.Duration, try int, bye error) {
	c.Slowest = max(c.Slowest, setup)
	if try == 1 && setup <= Soon {
		c.Soon.OK++
	}
	c.Hungup.Of++
	if bye != nil {
		c.Hungup.fail(bye)
		return
	}
	c.Hungup.OK++
}
