//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipring/sipring/demo/phones"
)

// overheard is how many phones of the lost proxy, and how many others, have their last
// REGISTERs seen by somebody.
const overheard = 3

// seen is a REGISTER that went through before the proxy died, and whose.
type seen struct {
	phone *phones.Phone
	what  phones.Recorded
}

// eavesdrop notes what some phones have sent last, the first and the last of the order.
// They do not register again.
func (a *interviewed) eavesdrop(ctx context.Context, b *bustle, order []int) (all []seen, err error) {
	some := slices.Concat(order[:overheard], order[len(order)-overheard:])
	for _, i := range some {
		b.quiet[i].Store(true)
	}
	if err := b.further(ctx, 2); err != nil { // one may have been under way
		return nil, err
	}
	for _, i := range some {
		p := a.party.load.Phones[i]
		all = append(all, seen{p, p.Recorded()})
	}
	return all, nil
}

// thief is from where somebody else sends.
var thief = netip.MustParseAddr("198.51.100.243")

// replay tries with what was seen at each member: from the phone's own address for
// another contact, and as it was from another address. Neither may bind or tell anything.
func (a *interviewed) replay(ctx context.Context, all []seen) error {
	ctx, cancel := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancel()
	var out phones.Outcome
	for _, s := range all {
		// Another's address would be refused for being that.
		contact := strings.Replace(s.phone.Contact(), s.phone.User(), "thief", 1)
		for pod, to := range a.spread.own {
			status, err := s.phone.Forge(ctx, s.what, contact, to)
			out.Count(want(sip.StatusUnauthorized, status, err, "forged REGISTER of "+s.phone.User()+" at "+pod))
			status, err = a.copied(ctx, thief, s.what, to)
			out.Count(want(sip.StatusUnauthorized, status, err, "copied REGISTER of "+s.phone.User()+" at "+pod))
		}
		bound, err := s.phone.Bindings(ctx)
		if err != nil {
			return err
		}
		if len(bound) != 1 || !strings.Contains(bound[0], s.phone.Contact()) {
			out.Count(fmt.Errorf("%s is bound to %v", s.phone.AOR(), bound))
		}
	}
	a.note("%v replays of REGISTERs from before the fault were answered 401 and bound nothing", out)
	return nil
}

// copied sends it as it was from another address.
func (a *interviewed) copied(ctx context.Context, from netip.Addr, r phones.Recorded, to netip.AddrPort) (status int, err error) {
	var conn *net.UDPConn
	if err := a.party.in(func() (err error) {
		conn, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.UDPAddrFromAddrPort(to))
		return err
	}); err != nil {
		return 0, err
	}
	defer conn.Close()
	return r.Copy(ctx, conn)
}

// guess tries wrong passwords and unknown users at each member, who get 401, too.
func (a *interviewed) guess(ctx context.Context) {
	var out phones.Outcome
	for pod, to := range a.spread.own {
		for _, user := range []string{phones.User(1), "nobody"} {
			err := a.register(ctx, user, "wrong", to)
			out.Count(want(sip.StatusUnauthorized, phones.Status(err), err, user+" with a wrong password at "+pod))
		}
	}
	a.note("%v wrong passwords and unknown users were answered 401", out)
}

// register has a phone that is nobody's try to register.
func (a *interviewed) register(ctx context.Context, user, password string, proxy netip.AddrPort) (err error) {
	var p *phones.Phone
	if err := a.party.in(func() (err error) {
		p, err = phones.New(phones.Config{User: user, Password: password, Domain: domain, Proxy: proxy, Local: netip.AddrPortFrom(thief, 0)})
		return err
	}); err != nil {
		return err
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancel()
	return p.Register(ctx, 3600)
}

// want is nil if a request was answered by that status.
func want(status, got int, err error, what string) error {
	if got == status {
		return nil
	}
	return errors.Join(fmt.Errorf("%s: answered %d, want %d", what, got, status), err)
}

// note says what came of tries that all had to end in the same way.
func (a *interviewed) note(format string, out phones.Outcome) {
	a.result.Notes = append(a.result.Notes, fmt.Sprintf(format, out))
	a.result.Problems = append(a.result.Problems, out.Errors...)
	if !out.Whole() && len(out.Errors) == 0 || out.Of == 0 {
		a.result.Problems = append(a.result.Problems, fmt.Sprintf(format, out))
	}
}
