//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipring/sipring/demo/phones"
)

// overhear is the last REGISTER that each client sent which went through, by user.
func (r *regulars) overhear() map[string]string {
	all := map[string]string{}
	for _, at := range r.at {
		if text := r.journal.register(at); text != "" {
			user := provingIn(text)
			all[user] = text
		}
	}
	return all
}

// replayRegulars tries with what was seen of the clients that others wrote, as replay does, at
// each pod but one that may be gone.
func (a *interviewed) replayRegulars(ctx context.Context, all map[string]string, when, gone string) error {
	ctx, cancel := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancel()
	var out phones.Outcome
	for user, text := range all {
		at := a.regulars.at[user].Addr()
		for pod, to := range a.spread.own {
			if pod == gone {
				continue
			}
			status, err := a.copied(ctx, thief, phones.Overheard(text), to)
			if status == sip.StatusInternalServerError && a.regulars.journal.register(a.regulars.at[user]) != text {
				status = sip.StatusUnauthorized // it is older than what the client has sent since (RFC 3261 10.3)
			}
			out.Count(want(sip.StatusUnauthorized, status, err, "copied REGISTER of "+user+" at "+pod))
			status, err = a.copied(ctx, at, phones.Overheard(forged(text)), to)
			out.Count(want(sip.StatusUnauthorized, status, err, "forged REGISTER of "+user+" at "+pod))
		}
		bound, err := a.bindings(ctx, user, at)
		if err != nil {
			return err
		}
		if len(bound) != 1 || strings.Contains(bound[0], "thief") {
			out.Count(fmt.Errorf("%s is bound to %v", user, bound))
		}
	}
	a.note("%v replays of REGISTERs of other clients "+when+" were answered 401, or 500 if the client had registered since, and bound nothing", out)
	return nil
}

// bindings asks as the user from its own address.
func (a *interviewed) bindings(ctx context.Context, user string, at netip.Addr) (bound []string, err error) {
	var p *phones.Phone
	if err := a.party.in(func() (err error) {
		p, err = phones.New(phones.Config{User: user, Password: a.party.passwords[user], Domain: domain, Proxy: a.spread.pick(), Local: netip.AddrPortFrom(at, 0)})
		return err
	}); err != nil {
		return nil, err
	}
	defer p.Close()
	return p.Bindings(ctx)
}

var (
	contactUser = regexp.MustCompile(`(?m)^(Contact: *<?sip:)[^@]*@`)
	callIDLine  = regexp.MustCompile(`(?m)^(Call-ID: *)[^\r]*`)
	cseqLine    = regexp.MustCompile(`(?m)^(CSeq: *)\d+ `)
	branchParam = regexp.MustCompile(`;branch=[^;\r,]*`)
)

// forged is a REGISTER with the same credentials, but for another contact at the same address,
// as a new registration.
func forged(text string) string {
	text = contactUser.ReplaceAllString(text, "${1}thief@")
	text = callIDLine.ReplaceAllString(text, "${1}"+sip.GenerateTagN(20))
	text = cseqLine.ReplaceAllString(text, "${1}10000 ")
	return branchParam.ReplaceAllString(text, ";branch=z9hG4bK"+sip.GenerateTagN(16))
}
