//go:build linux

package main

import (
	"context"
	"net/netip"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

// domain is the one that the cluster under test serves.
const domain = "example.com"

// load is the phones of the run.
type load struct {
	*phones.Load
	phones []*phones.Phone // the same as in Load
	proxy  netip.AddrPort
}

// newLoad binds n phones; inClient runs its argument where their sockets belong.
func newLoad(n int, local netip.Addr, proxy netip.AddrPort, inClient func(func() error) error) (*load, error) {
	cfg := phones.Config{Domain: domain, Local: netip.AddrPortFrom(local, 0), Proxy: proxy}
	l, err := phones.NewLoad(n, cfg, func(cfg phones.Config) (p *phones.Phone, err error) {
		err = inClient(func() error {
			p, err = phones.New(cfg)
			return err
		})
		return p, err
	})
	if err != nil {
		return nil, err
	}
	return &load{Load: l, phones: l.Phones, proxy: proxy}, nil
}

func (l *load) close() { l.Close() }

func (l *load) register(ctx context.Context) outcome { return outcome{l.Register(ctx)} }

func (l *load) registered(ctx context.Context) outcome { return outcome{l.Registered(ctx)} }

func (l *load) through(proxy netip.AddrPort) { l.Through(proxy) }

func (l *load) answered() int64 { return l.Answered() }

func (l *load) hungup() int64 { return l.Hungup() }

// outcome is phones.Outcome, as the report writes it.
type outcome struct{ phones.Outcome }

func (o outcome) whole() bool { return o.Whole() }

// called is the outcome of calling every phone.
type called struct {
	Reached, Soon, Hungup outcome
	Slowest               time.Duration // set-up of those reached
}

// callAll calls every phone of order once from its neighbour, with so much
// patience for each try, and hangs up.
func (l *load) callAll(ctx context.Context, order []int, patience time.Duration, tries int) called {
	c := l.CallAll(ctx, phones.Calling{Order: order, Patience: patience, Tries: tries})
	return called{Reached: outcome{c.Reached}, Soon: outcome{c.Soon}, Hungup: outcome{c.Hungup}, Slowest: c.Slowest}
}
