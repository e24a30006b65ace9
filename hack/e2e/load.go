//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

// domain is the one that the cluster under test serves.
const domain = "example.com"

// atOnce is how many phones act at the same time: enough to be quick, few
// enough that simulated phones do not starve the proxies of a small machine.
const atOnce = 24

// load is the phones of the run.
type load struct {
	phones []*phones.Phone
	proxy  netip.AddrPort
	// inClient runs its argument where phones' sockets belong.
	inClient func(func() error) error
}

// newLoad binds n phones.
func newLoad(n int, local netip.Addr, proxy netip.AddrPort, inClient func(func() error) error) (*load, error) {
	l := &load{proxy: proxy, inClient: inClient}
	for i := range n {
		p, err := l.phone(fmt.Sprintf("phone%03d", i), local)
		if err != nil {
			l.close()
			return nil, err
		}
		l.phones = append(l.phones, p)
	}
	return l, nil
}

func (l *load) phone(user string, local netip.Addr) (p *phones.Phone, err error) {
	err = l.inClient(func() error {
		p, err = phones.New(phones.Config{User: user, Domain: domain, Local: netip.AddrPortFrom(local, 0), Proxy: l.proxy})
		return err
	})
	return p, err
}

func (l *load) close() {
	var wg sync.WaitGroup
	for _, p := range l.phones {
		wg.Go(p.Close)
	}
	wg.Wait()
}

// outcome counts what went well, and keeps some of what did not.
type outcome struct {
	OK int `json:"ok"`
	Of int `json:"of"`
	// Errors are the first few.
	Errors []string `json:"errors,omitempty"`
}

const keepErrors = 5

func (o outcome) String() string { return fmt.Sprintf("%d/%d", o.OK, o.Of) }

func (o outcome) whole() bool { return o.OK == o.Of }

// each runs f for 0..n-1 with at most atOnce running.
func each(n int, f func(i int) error) outcome {
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := outcome{Of: n}
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				out.OK++
			case len(out.Errors) < keepErrors:
				out.Errors = append(out.Errors, err.Error())
			}
		})
	}
	wg.Wait()
	return out
}

// register registers every phone once, for an hour: nothing in the run
// registers again.
func (l *load) register(ctx context.Context) outcome {
	return each(len(l.phones), func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		return l.phones[i].Register(ctx, 3600)
	})
}

// registered counts the phones whose binding the registrar still lists.
func (l *load) registered(ctx context.Context) outcome {
	return each(len(l.phones), func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		ok, err := l.phones[i].Registered(ctx)
		if err == nil && !ok {
			return fmt.Errorf("%s is not registered any more", l.phones[i].AOR())
		}
		return err
	})
}

// called is the outcome of calling every phone.
type called struct {
	// Reached in the time given, and within two seconds.
	Reached, Soon outcome
	// Hungup counts the calls made that could be ended.
	Hungup outcome
	// Slowest set-up of those reached.
	Slowest time.Duration
}

// callAll calls every phone of order once from its neighbour, with so much
// patience for each try, and hangs up. Only a first try counts as soon.
func (l *load) callAll(ctx context.Context, order []int, patience time.Duration, tries int) called {
	var mu sync.Mutex
	c := called{Soon: outcome{Of: len(order)}}
	c.Reached = each(len(order), func(k int) error {
		i := order[k]
		var call *phones.Call
		var err error
		try := 0
		for ; try < tries && (try == 0 || err != nil); try++ {
			dial, cancel := context.WithTimeout(ctx, patience)
			call, err = l.phones[(i+1)%len(l.phones)].Dial(dial, l.phones[i].User())
			cancel()
		}
		if err != nil {
			return err
		}
		bye, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		err = call.Bye(bye)
		mu.Lock()
		defer mu.Unlock()
		c.Slowest = max(c.Slowest, call.Setup)
		if try == 1 && call.Setup <= 2*time.Second {
			c.Soon.OK++
		}
		c.Hungup.Of++
		if err == nil {
			c.Hungup.OK++
		} else if len(c.Hungup.Errors) < keepErrors {
			c.Hungup.Errors = append(c.Hungup.Errors, err.Error())
		}
		return nil
	})
	return c
}

// through makes every phone send to that address until the next call.
func (l *load) through(proxy netip.AddrPort) {
	for _, p := range l.phones {
		p.SetProxy(proxy)
	}
}

// answered and hungup are sums over all phones.
func (l *load) answered() (n int64) {
	for _, p := range l.phones {
		n += p.Answered.Load()
	}
	return n
}

func (l *load) hungup() (n int64) {
	for _, p := range l.phones {
		n += p.Hungup.Load()
	}
	return n
}
