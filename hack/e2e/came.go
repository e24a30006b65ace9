//go:build linux

package main

import (
	"context"
	"fmt"

	"github.com/emiago/sipgo/sip"

	"github.com/sipring/sipring/demo/phones"
)

// comes has a proxy be replaced while there is no database. The new one becomes ready, and
// serves what needs no credentials; it knows nobody, so that whoever shows some gets 503. Others
// go on by the other proxies.
func (a *interviewed) comes(ctx context.Context) error {
	pod := a.proxies.name + "-1"
	before, err := a.proxies.snapshot(ctx)
	if err != nil {
		return err
	}
	a.away(pod)
	a.witness().SetRoute(a.spread.pick)
	call, err := a.witness().Dial(ctx, phones.User(0))
	if err != nil {
		return err
	}
	if _, err := a.kube.kubectl(ctx, "--namespace", namespace, "delete", "pod", pod); err != nil {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		return a.proxies.whole(ctx, len(before.pods), map[string]bool{before.incarnations[pod]: true})
	}); err != nil {
		return fmt.Errorf("%s does not come without a database: %w", pod, err)
	}
	own, err := a.proxies.addresses(ctx, a.party.proxy)
	if err != nil {
		return err
	}
	a.spread.moved(pod, own[pod][0])
	a.witness().SetProxy(own[pod][0])
	var served phones.Outcome
	served.Count(call.Bye(ctx))
	err = a.witness().Register(ctx, 3600)
	served.Count(want(sip.StatusServiceUnavailable, phones.Status(err), err, "a phone that only the others know, at "+pod))
	a.note("%v requests to a proxy that came while there was no database were served: a BYE, and 503 for a phone that only the others know", served)
	return nil
}

// witness is a phone that does nothing by itself, and that each proxy knows.
func (a *interviewed) witness() *phones.Phone { return a.called[2] }

// away has nothing that phones and clients send go to a pod.
func (a *interviewed) away(pod string) {
	a.spread.without(pod)
	a.regulars.balancer.without(pod)
}
