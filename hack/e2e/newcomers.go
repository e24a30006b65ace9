//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/demo/phones"
)

// newcomers come and go: one registers through each proxy, is called through all
// and takes its registration back.
func (p *party) newcomers(ctx context.Context, own map[string]netip.AddrPort) error {
	caller := p.load.Phones[0]
	defer caller.SetProxy(p.proxy)
	names := slices.Sorted(maps.Keys(own))
	for i, at := range names {
		one, err := p.newcomer(i, own[at])
		if err != nil {
			return err
		}
		defer one.Close()
		if err := one.Register(ctx, 3600); err != nil {
			return fmt.Errorf("newcomer at %s: %w", at, err)
		}
		for _, through := range names {
			caller.SetProxy(own[through])
			call, err := caller.Dial(ctx, one.User())
			if err == nil {
				err = call.Bye(ctx)
			}
			if err != nil {
				return fmt.Errorf("newcomer at %s called through %s: %w", at, through, err)
			}
		}
		if err := one.Register(ctx, 0); err != nil {
			return fmt.Errorf("newcomer at %s leaves: %w", at, err)
		}
	}
	return nil
}

// maxNewcomers is how many there are at most: one for each proxy.
const maxNewcomers = 3

func newcomerUser(i int) string { return fmt.Sprintf("newcomer%d", i) }

func (p *party) newcomer(i int, proxy netip.AddrPort) (one *phones.Phone, err error) {
	user := newcomerUser(i)
	err = p.in(func() error {
		one, err = phones.New(phones.Config{
			User: user, Password: p.passwords[user], Domain: domain, Proxy: proxy, Local: netip.AddrPortFrom(p.phoneAt(i), 0),
		})
		return err
	})
	return one, err
}
