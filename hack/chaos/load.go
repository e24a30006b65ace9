package main

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// load is the phones and callers at work.
type load struct {
	agent  *agent
	far    *far
	phones []*phone
	regs   *registrations
	looks  *lookups
	rng    *rand.Rand
	rate   int

	working sync.WaitGroup
	slots   chan struct{}
}

// atOnce bounds the requests under way: more than can be, at the usual rate,
// while each waits for the whole patience.
const atOnce = 2000

// newLoad makes the phones, which are reached at one address and send from
// another.
func newLoad(o *options, m *members, here, there netip.Addr, t *tally) (*load, error) {
	a, err := newAgent(there)
	if err != nil {
		return nil, err
	}
	k := &asker{agent: a, members: m, patience: o.patience}
	l := &load{agent: a, rng: rand.New(rand.NewPCG(o.seed, 4)), rate: o.rate, slots: make(chan struct{}, atOnce)}
	l.regs, l.looks = &registrations{asker: k, tally: t}, newLookups(k, t)
	if l.far, err = newFar(here, m, l.looks.reached); err != nil {
		a.close()
		return nil, err
	}
	for i := range o.phones {
		l.phones = append(l.phones, newPhone(i, o.seed, l.far.address))
	}
	return l, nil
}

func newPhone(number int, seed uint64, at netip.AddrPort) *phone {
	return &phone{number: number, seed: seed, at: at, book: newBook(time.Now())}
}

// close waits for what is under way, which the end of its context ends.
func (l *load) close() {
	l.working.Wait()
	l.far.close()
	l.agent.close()
}

// everyone does something with every phone, a request every 1/rate seconds, and
// waits until all is done.
func (l *load) everyone(ctx context.Context, f func(p *phone)) {
	var wg sync.WaitGroup
	for _, p := range l.phones {
		if wait(ctx, time.Second/time.Duration(l.rate)) != nil {
			break
		}
		wg.Go(func() {
			p.busy.Lock()
			defer p.busy.Unlock()
			f(p)
		})
	}
	wg.Wait()
}

// run keeps phones and callers busy until ctx ends; what is under way then goes
// on until work ends.
func (l *load) run(ctx, work context.Context) {
	tick := time.NewTicker(time.Second / time.Duration(l.rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.something(work)
		}
	}
}

// something is the next thing that happens: three in five are lookups.
func (l *load) something(ctx context.Context) {
	p := l.phones[l.rng.IntN(len(l.phones))]
	n := l.rng.IntN(100)
	select {
	case l.slots <- struct{}{}:
	default:
		return
	}
	l.working.Go(func() {
		defer func() { <-l.slots }()
		if n < 60 {
			l.looks.look(ctx, p)
			return
		}
		if !p.busy.TryLock() {
			return // it waits for an answer
		}
		defer p.busy.Unlock()
		switch {
		case n < 72:
			l.regs.register(ctx, p, refresh)
		case n < 84:
			l.regs.register(ctx, p, change)
		case n < 88:
			l.regs.register(ctx, p, unregister)
		case n < 90:
			l.regs.register(ctx, p, clearAll)
		case n < 96:
			l.regs.register(ctx, p, fetch)
		default:
			l.regs.replay(ctx, p)
		}
	})
}
