//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
)

const skewCase = "skew"

// playSkew has the previous program beside the one under test: as proxies of
// today's operator, among today's proxies, and as the operator of those. One of
// each kind is killed.
func playSkew(ctx context.Context, e *env) ([]*result, error) {
	previous, err := e.previous(ctx)
	if err != nil {
		return nil, err
	}
	today, err := values(e.stage.o.image)
	if err != nil {
		return nil, err
	}
	earlier, err := values(previousImage)
	if err != nil {
		return nil, err
	}
	var results []*result
	for _, part := range [][]fault{
		older(e.stage.o.image),
		{
			{title: "all new again", do: inOrder(spec(`{"updateStrategy": {"partition": 0}}`)), until: runs("")},
			{
				title: "operator older", kept: true, until: answered("older"),
				// The partition keeps the pods, though the older operator may have others in mind.
				do: inOrder(spec(`{"updateStrategy": {"partition": 3}}`), helm("upgrade", filepath.Join(previous, chart), earlier...), ask("older")),
			},
			killed("voice-1", "an older operator's"),
			{
				title: "operator new again", kept: true, until: attended("newer"),
				do: inOrder(helm("upgrade", chart, today...), ask("newer"), spec(`{"image": null, "updateStrategy": null}`)),
			},
		},
	} {
		for i := range part {
			part[i].name, part[i].replicas, part[i].patience, part[i].local = skewCase, 3, patience, true
		}
		more, err := e.inTurn(ctx, part)
		results = append(results, more...)
		if err != nil {
			return results, err
		}
		if err := e.newcomers(ctx); err != nil {
			return results, err
		}
	}
	return results, nil
}

// older are the steps with older proxies: at first all of them, then all but one.
func older(image string) []fault {
	return []fault{
		{title: "proxies older", rolled: true, until: runs(previousTag), do: inOrder(spec(fmt.Sprintf(`{"image": %q}`, previousImage)))},
		{
			title: "one proxy new", do: inOrder(spec(fmt.Sprintf(`{"image": %q, "updateStrategy": {"partition": 2}}`, image))),
			until: func(ctx context.Context, e *env) error {
				return e.images(ctx, func(pod string) bool { return pod != "voice-2" })
			},
		},
		killed("voice-2", "the new one of a mixed ring"),
		killed("voice-1", "an older one of it"),
	}
}

func killed(victim, which string) fault {
	return fault{title: "SIGKILL, " + which, victim: victim, reborn: true, do: sigkill}
}

// spec merges into that of the SIPCluster.
func spec(change string) step {
	return func(ctx context.Context, e *env) error {
		_, err := e.kube.kubectl(ctx, "--namespace", namespace, "patch", "sipcluster", sipCluster, "--type=merge", "--patch", `{"spec": `+change+`}`)
		return err
	}
}

// newcomers register, one through each proxy, and are called through all.
func (e *env) newcomers(ctx context.Context) error {
	pods, err := e.proxies.pods(ctx)
	if err != nil {
		return err
	}
	own := map[string]netip.AddrPort{}
	for i := range pods {
		address, err := netip.ParseAddr(pods[i].Status.PodIP)
		if err != nil {
			return fmt.Errorf("pod %s: %w", pods[i].Name, err)
		}
		own[pods[i].Name] = netip.AddrPortFrom(address, e.party.proxy.Port())
	}
	if err := e.party.newcomers(ctx, own); err != nil {
		return err
	}
	e.stage.step("phones registered through each proxy and were called through all")
	return nil
}
