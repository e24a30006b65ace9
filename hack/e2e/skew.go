//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/sipring/sipring/api/v1alpha1"
)

const skewCase = "skew"

// openManifest is that of the cluster under test, open.
const openManifest = "hack/e2e/manifests/open.yaml"

// skewed needs the previous program, which helm can be played without.
func skewed() sequence {
	return sequence{name: skewCase, title: "two versions at once", in: helmCase, play: playSkew}
}

// playSkew installs the chart as it was, upgrades, rolls back and upgrades again.
// On the way there and back it stops where both versions are: an operator of one
// over proxies of the other, and both kinds of proxies in one ring. One of each kind
// is killed.
//
// The previous program does not know who may register: it refuses bindings of
// phones that were asked, and its CRD has no word for it. So the cluster is open
// before the earlier chart comes, with phones that nobody asked, until the last
// step, which has it ask again.
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
	if err := e.anew(ctx, openManifest); err != nil {
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
			{title: "helm upgrade again, digest", rolled: true, until: asks, do: inOrder(helm("upgrade", chart, today...), apply(voiceManifest))},
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

// anew makes the cluster under test of another manifest, with nothing in it, and
// everybody registers there.
func (e *env) anew(ctx context.Context, manifest string) error {
	e.party.leave()
	e.party.withdraw()
	if err := e.proxies.removed(ctx, voiceManifest); err != nil {
		return err
	}
	if err := apply(manifest)(ctx, e); err != nil {
		return err
	}
	// Announced before there are proxies: kube-proxy forgets the flows of the ones before,
	// baresip's among them, when it learns where an address leads that it knows.
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return e.party.announce(ctx, e.kube) }); err != nil {
		return err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return e.proxies.whole(ctx, 3, nil) }); err != nil {
		return err
	}
	return e.party.gather(ctx, e.stage.o.phones)
}

func apply(manifest string) step {
	return func(ctx context.Context, e *env) error {
		_, err := e.kube.kubectl(ctx, "--namespace", namespace, "apply", "-f", manifest)
		return err
	}
}

// asks: all proxies are of the program under test, and ask who registers.
func asks(ctx context.Context, e *env) error {
	c, err := e.kube.sipCluster(ctx, namespace, sipCluster)
	if err != nil {
		return err
	}
	if meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionAuthenticationOpen) != nil {
		return fmt.Errorf("SIPCluster %s is open: %+v", sipCluster, c.Status.Conditions)
	}
	return runs("")(ctx, e)
}
