package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// ringFor is how long a phone rings that is called when the proxy is killed.
const ringFor = 3 * time.Second

// ringing are calls that ring when the proxy is killed, each at a phone that is called by
// nobody else.
type ringing struct {
	load     *phones.Load
	callers  []*phones.Phone
	patience time.Duration  // beyond the time that they ring
	calls    []*phones.Call // those that were answered
	errs     []error        // of the others
	rang     []bool         // when the proxy was killed
	dialled  sync.WaitGroup
}

// takeRinging makes as many phones as there are calls. Their names follow those of the
// others, and so do their transports.
func (d *demo) takeRinging(ctx context.Context, o *options, cfg phones.Config) (err error) {
	cfg.Ring = ringFor
	made := o.phones
	d.ringing, err = phones.NewLoad(o.calls, cfg, func(cfg phones.Config) (*phones.Phone, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		cfg.User = phones.User(made)
		d.kind(&cfg, o, made)
		made++
		cfg.Password = d.cluster.passwords[cfg.User]
		return phones.New(cfg)
	})
	return err
}

// begin registers and calls them all, and returns when each rings, or has answered: on a machine that is
// too busy to have all ring at once.
func (r *ringing) begin(ctx context.Context) error {
	if o := r.load.Register(ctx); !o.Whole() {
		return fmt.Errorf("%d of %d phones that will ring registered: %s", o.OK, o.Of, o.Errors[0])
	}
	n := len(r.load.Phones)
	r.calls, r.errs, r.rang = make([]*phones.Call, n), make([]error, n), make([]bool, n)
	for i, callee := range r.load.Phones {
		r.dialled.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, ringFor+r.patience)
			defer cancel()
			r.calls[i], r.errs[i] = r.callers[i%len(r.callers)].Dial(ctx, callee.User())
		})
	}
	waiting, cancel := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancel()
	for {
		reached := 0
		for i, p := range r.load.Phones {
			if r.rang[i] = p.Ringing.Load() > 0; r.rang[i] || p.Answered.Load() > 0 {
				reached++
			}
		}
		if reached == n {
			return nil
		}
		select {
		case <-time.After(time.Millisecond): // the interval at which the phones are asked
		case <-waiting.Done():
			return fmt.Errorf("%d of %d phones ring: %w", reached, n, waiting.Err())
		}
	}
}

// end waits for the answers, hangs up, and counts the calls that rang when the proxy was
// killed. What failed of the others counts too.
func (r *ringing) end(ctx context.Context) (out phones.Outcome) {
	r.dialled.Wait()
	ctx, cancel := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancel()
	for i, call := range r.calls {
		err := r.errs[i]
		if err == nil {
			err = call.ByeTo(ctx, r.load.Phones[i])
		}
		if r.rang[i] || err != nil {
			out.Count(err)
		}
	}
	return out
}

// count is how many rang when begin returned.
func (r *ringing) count() (n int) {
	for _, rang := range r.rang {
		if rang {
			n++
		}
	}
	return n
}
