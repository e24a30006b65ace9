//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/digest"
)

const (
	// regularExpires is how long baresip and linphone register for, in seconds. They do it
	// again before that is over.
	regularExpires = 15
	// regularRest is between what they begin, if it is over by then.
	regularRest = rest / 4
	// answeredLimit bounds the time in which what was asked last is answered.
	answeredLimit = 10 * time.Second
)

// regularSoft is baresip's address.
var regularSoft = netip.MustParseAddr("198.51.100.242")

// regulars are clients that others wrote, each of which registers and calls all the time. They
// know one address, where a balancer has each of their datagrams go to a proxy by chance.
// linphone is always there; baresip and SIPp where nobody is asked by SHA-256, of which they
// know nothing.
type regulars struct {
	party    *party
	balancer *balancer
	journal  *journal
	wire     *wire
	at       map[string]netip.AddrPort // where each is, by user
	soft     *linphone
	sipp     *crowd
	// whom linphone and baresip call: nobody else does.
	softCalls, deskCalls *phones.Phone

	over    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	called  phones.Outcome // by linphone and baresip, and these by phones
}

// gatherRegulars has them register, call and be called, all by the balancer.
func (a *interviewed) gatherRegulars(ctx context.Context) error {
	r := &regulars{party: a.party, journal: newJournal(), softCalls: a.called[0], deskCalls: a.called[1], over: make(chan struct{})}
	a.regulars = r
	var soft netip.Addr // linphone's is not to be chosen
	err := a.party.in(func() (err error) { soft, err = usualAddress(ctx, a.party.proxy); return err })
	if err != nil {
		return err
	}
	r.at = map[string]netip.AddrPort{guest: netip.AddrPortFrom(soft, linphonePort)}
	r.journal.follow("linphone", r.at[guest])
	if a.alone(digest.MD5) {
		r.at[desk] = netip.AddrPortFrom(a.party.softAt, softPort)
		r.journal.follow("baresip", r.at[desk])
		for i := range regularUsers {
			r.at[regularUser(i)] = netip.AddrPortFrom(a.party.softAt, crowdPort)
		}
		r.journal.follow("SIPp", r.at[regularUser(0)])
	}
	var ends []netip.AddrPort
	for end := range r.journal.clients {
		ends = append(ends, end)
	}
	if a.balanced {
		for _, p := range slices.Concat(a.party.load.Phones, a.called) {
			ends = append(ends, p.Address())
		}
	}
	r.balancer = balance(ctx, a.party, a.kube, a.proxies.name, ends...)
	if err := a.party.in(func() (err error) { r.wire, err = tap(r.journal.note); return err }); err != nil {
		return err
	}
	if r.soft, err = a.party.startLinphone(ctx, a.party.proxy, a.party.passwords[guest]); err != nil {
		return err
	}
	if err := r.softCallsOut(ctx); err != nil {
		return err
	}
	if a.alone(digest.MD5) {
		if a.party.soft, err = a.party.startBaresip(ctx); err != nil {
			return err
		}
		if r.sipp, err = a.party.startCrowd(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (r *regulars) softCallsOut(ctx context.Context) error {
	return r.soft.calls(ctx, r.softCalls, func() int { return r.journal.acked(r.at[guest]) })
}

// bustles has them go on until rest is called.
func (r *regulars) bustles(ctx context.Context, b *bustle) {
	r.running.Go(func() {
		r.again(ctx, b, func(ctx context.Context) error { // one after the other: it takes one call at a time
			if err := r.softCallsOut(ctx); err != nil {
				return err
			}
			return r.party.callGuest(ctx, b.patience)
		}, func() { _, _ = io.WriteString(r.soft.stdin, "terminate\n") })
	})
	if r.party.soft == nil {
		return
	}
	r.running.Go(func() {
		r.again(ctx, b, func(ctx context.Context) error {
			if err := r.party.deskCalls(ctx, r.deskCalls); err != nil {
				return err
			}
			return r.party.callDesk(ctx, time.Now(), b.patience)
		}, func() { _ = r.party.soft.do("hangup", "") })
	})
}

// again does something all the time. What failed as its proxy died is mended and done once more.
func (r *regulars) again(ctx context.Context, b *bustle, do func(context.Context) error, mend func()) {
	every := time.NewTicker(regularRest)
	defer every.Stop()
	for {
		select {
		case <-r.over:
			return
		case <-ctx.Done():
			return
		case <-every.C:
		}
		began := time.Now()
		err := do(ctx)
		if err != nil && b.mayBeLost(began) {
			b.again.Add(1)
			mend()
			err = do(ctx)
		}
		r.mu.Lock()
		r.called.Count(err)
		r.mu.Unlock()
	}
}

// rest has them do nothing more, and waits for the answers to what they asked last.
func (r *regulars) rest(ctx context.Context) error {
	close(r.over)
	r.running.Wait()
	var err error
	if r.sipp != nil {
		err = r.sipp.finish()
	}
	_ = eventually(ctx, answeredLimit, func(context.Context) error { // what is not is counted
		for _, t := range r.journal.tallies() {
			if t.lost > 0 {
				return errors.New(t.String())
			}
		}
		return nil
	})
	return err
}

// judge says what came of it.
func (r *regulars) judge(result *result, members int) {
	result.Desk.Add(r.called)
	for _, t := range r.journal.tallies() {
		result.Notes = append(result.Notes, t.String())
		result.Problems = append(result.Problems, t.problems(members)...)
	}
}

// saveLogs writes theirs to the folder for logs.
func (r *regulars) saveLogs(dir string) error {
	var errs []error
	keep := func(name, from string) {
		raw, err := os.ReadFile(from)
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	if r.soft != nil {
		keep("linphone.log", r.soft.log)
	}
	if r.party.soft != nil {
		keep("baresip.log", r.party.soft.log.Name())
	}
	if r.sipp != nil && r.sipp.said() != "" {
		keep("sipp.log", filepath.Join(r.sipp.dir, "errors.log"))
	}
	return errors.Join(errs...)
}

// leave ends them, and the balancer.
func (r *regulars) leave() error {
	var errs []error
	if r.sipp != nil {
		r.sipp.kill()
	}
	if r.soft != nil {
		r.soft.stop()
	}
	if r.wire != nil {
		missed, err := r.wire.close()
		if err == nil && missed > 0 {
			err = fmt.Errorf("%d datagrams of clients went by unseen", missed)
		}
		errs = append(errs, err)
	}
	if r.balancer != nil {
		errs = append(errs, r.balancer.end())
	}
	return errors.Join(errs...)
}
