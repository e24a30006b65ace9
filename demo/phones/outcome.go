package phones

import (
	"context"
	"fmt"
	"sync"
)

// KeepErrors is how many errors an Outcome keeps.
const KeepErrors = 5

// Outcome counts what went well, and keeps some of what did not.
type Outcome struct {
	OK int `json:"ok"`
	Of int `json:"of"`
	// Errors are the first few.
	Errors []string `json:"errors,omitempty"`
}

func (o Outcome) String() string { return fmt.Sprintf("%d/%d", o.OK, o.Of) }

// Whole tells whether everything went well.
func (o Outcome) Whole() bool { return o.OK == o.Of }

// Add takes more in.
func (o *Outcome) Add(more Outcome) {
	o.OK, o.Of = o.OK+more.OK, o.Of+more.Of
	o.Errors = append(o.Errors, more.Errors...)
	o.Errors = o.Errors[:min(len(o.Errors), KeepErrors)]
}

// Count takes in one that went well, or did not.
func (o *Outcome) Count(err error) {
	o.Of++
	if err != nil {
		o.fail(err)
		return
	}
	o.OK++
}

// fail keeps the error if there is room.
func (o *Outcome) fail(err error) {
	if len(o.Errors) < KeepErrors {
		o.Errors = append(o.Errors, err.Error())
	}
}

// atOnce is how many phones act at the same time: enough to be quick, few
// enough that simulated phones do not starve the proxies of a small machine.
const atOnce = 24

// Each runs f for 0..n-1, a few at a time, each with AnswerLimit at most. Those
// that had not begun when the context ended fail with its error.
func Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) Outcome {
	return each(n, atOnce, func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, AnswerLimit)
		defer cancel()
		if err := ctx.Err(); err != nil {
			return err
		}
		return f(ctx, i)
	})
}

func each(n, atOnce int, f func(i int) error) Outcome {
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := Outcome{Of: n}
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				out.fail(err)
				return
			}
			out.OK++
		})
	}
	wg.Wait()
	return out
}
