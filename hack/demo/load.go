package demo

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

// load is the phones of the demo and the calls between them.
type load struct {
	phones []*phones.Phone
	calls  []*phones.Call
}

// atOnce is how many phones act at the same time: enough to be quick, few
// enough that simulated phones do not starve the proxies of a small machine.
const atOnce = 24

// each runs f for 0..n-1 with at most atOnce running, and returns how many
// returned nil and the first error.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) (ok int, first error) {
	var good atomic.Int64
	var once sync.Once
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := f(ctx, i); err != nil {
				once.Do(func() { first = err })
				return
			}
			good.Add(1)
		})
	}
	wg.Wait()
	return int(good.Load()), first
}

// newPhones binds n phones on the address.
func newPhones(n int, domain string, local netip.Addr, proxy netip.AddrPort) (*load, error) {
	l := &load{}
	for i := range n {
		p, err := phones.New(phones.Config{
			User: fmt.Sprintf("phone%03d", i), Domain: domain, Local: netip.AddrPortFrom(local, 0), Proxy: proxy,
		})
		if err != nil {
			l.close()
			return nil, err
		}
		l.phones = append(l.phones, p)
	}
	return l, nil
}

func (l *load) close() {
	var wg sync.WaitGroup
	for _, p := range l.phones {
		wg.Go(p.Close)
	}
	wg.Wait()
}

// register registers every phone once, for an hour: nothing in the demo
// registers again.
func (l *load) register(ctx context.Context) (int, error) {
	return each(ctx, len(l.phones), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		return l.phones[i].Register(ctx, 3600)
	})
}

// setUp establishes n calls from the first phones to those that follow.
func (l *load) setUp(ctx context.Context, n int) (int, error) {
	l.calls = make([]*phones.Call, n)
	return each(ctx, n, func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		call, err := l.phones[i].Dial(ctx, l.phones[(i+n)%len(l.phones)].User())
		l.calls[i] = call
		return err
	})
}

// hangUp sends the BYE of every established call.
func (l *load) hangUp(ctx context.Context) (int, error) {
	return each(ctx, len(l.calls), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, 32*time.Second) // Timer F, RFC 3261 17.1.2.2
		defer cancel()
		if l.calls[i] == nil {
			return fmt.Errorf("call %d was never set up", i)
		}
		return l.calls[i].Bye(ctx)
	})
}

// callAll calls every phone once from its neighbour and hangs up, and tells
// answered of each. The order is given, so that those that matter come first.
func (l *load) callAll(ctx context.Context, order []int, patience time.Duration, answered func(i int, at time.Time)) (int, error) {
	return each(ctx, len(order), func(ctx context.Context, k int) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		i := order[k]
		call, err := l.phones[(i+1)%len(l.phones)].Dial(ctx, l.phones[i].User())
		if err != nil {
			return err
		}
		answered(i, time.Now())
		return call.Bye(ctx)
	})
}

// registered counts the phones whose binding the registrar still lists.
func (l *load) registered(ctx context.Context) (int, error) {
	return each(ctx, len(l.phones), func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		ok, err := l.phones[i].Registered(ctx)
		if err == nil && !ok {
			return fmt.Errorf("%s is not registered any more", l.phones[i].AOR())
		}
		return err
	})
}
