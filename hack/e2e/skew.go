//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
)

const skewCase = "skew"

// skewed needs the previous program, which helm can be played without.
func skewed() sequence {
	return sequence{name: skewCase, title: "two versions at once", in: helmCase, play: playSkew}
}

// playSkew installs the chart as it was, upgrades, rolls back and upgrades again.
// On the way there and back it stops where both versions are: an operator of one
// over proxies of the other, and both kinds of proxies in one ring. One of each kind
// is killed.
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
		{
			{
				title: "helm install, earlier chart", rolled: true, until: runs(previousTag),
				do: inOrder(uninstall, helm("install", filepath.Join(previous, chart), earlier...)),
			},
			{title: "helm upgrade: operator", kept: true, until: answered("new"), do: inOrder(keep(3), helm("upgrade", chart, today...), ask("new"))},
			{title: "helm upgrade: one proxy", until: oneNew, do: inOrder(keep(2))},
			killed("voice-2", "the new one in that ring"),
			killed("voice-1", "an old one in that ring"),
		},
		{
			{title: "helm upgrade: all proxies", until: runs(""), do: inOrder(keep(0))},
			{title: "helm rollback: operator", kept: true, until: answered("old"), do: inOrder(keep(3), rollback, ask("old"))},
			killed("voice-1", "a new one by an old operator"),
		},
		{
			{title: "helm rollback: all proxies", rolled: true, until: runs(previousTag), do: inOrder(keep(0))},
			{title: "helm upgrade again", rolled: true, until: runs(""), do: inOrder(helm("upgrade", chart, today...))},
		},
	} {
		more, err := e.inTurn(ctx, skewCase, part)
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

// oneNew: one proxy is of the program under test, the others of the previous one.
func oneNew(ctx context.Context, e *env) error {
	return e.images(ctx, func(pod string) bool { return pod != "voice-2" })
}

func killed(victim, which string) fault {
	return fault{title: "SIGKILL, " + which, victim: victim, reborn: true, do: sigkill}
}

// keep leaves the pods below a number as they are, whatever the operator has in
// mind.
func keep(below int) step {
	return func(ctx context.Context, e *env) error {
		_, err := e.kube.kubectl(ctx, "--namespace", namespace, "patch", "sipcluster", sipCluster, "--type=merge", "--patch",
			fmt.Sprintf(`{"spec": {"updateStrategy": {"partition": %d}}}`, below))
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
