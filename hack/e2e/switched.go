//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/digest"
)

const (
	switchCase = "digest-switch"
	// switchedSecret is for that case alone.
	switchedSecret = "asked-users"
)

var switchedVIP = netip.MustParseAddrPort("203.0.113.24:5060")

// Merge patches of the SIPCluster.
const (
	asksAll  = `{"spec": {"authentication": {"open": null, "digest": {"credentials": {"secrets": [{"name": "` + switchedSecret + `"}]}}}}}`
	asksNone = `{"spec": {"authentication": {"digest": null, "open": {}}}}`
)

// playSwitch has a SIPCluster that is open ask who everybody is, then have other keys, lose
// its users' Secret and get it again, and be open at last. Phones that know their passwords
// register and call all the time, and lose nothing.
func playSwitch(ctx context.Context, e *env) ([]*result, error) {
	a := e.interviewed(
		offer{suffix: "-open", algorithms: []digest.Algorithm{digest.SHA256, digest.MD5}},
		stack{name: switchCase, title: "open to digest and back", sipCluster: "asked", manifest: "hack/e2e/manifests/digest", party: party{proxy: switchedVIP}},
	)
	a.balanced = true
	a.result.Patience = phones.AnswerLimit // as long as a phone waits: what is tried is whether it must begin anew
	if err := a.kube.putUsers(ctx, switchedSecret, a.party.passwords); err != nil {
		return []*result{a.result}, err
	}
	return []*result{a.result}, a.among(ctx, func(ctx context.Context) error { return a.bustling(ctx, a.switches) })
}

func (a *interviewed) switches(ctx context.Context, b *bustle) error {
	secrets := a.kube.cluster.Client().CoreV1().Secrets(namespace)
	for _, s := range []struct {
		title string
		do    func(ctx context.Context) error
		until func(ctx context.Context) error
	}{
		{"nobody is asked", nil, a.open(true)},
		{"everybody is asked", a.patched(asksAll), a.open(false)},
		{"all keys were replaced", a.keysRotated, nil},
		{
			"the users' Secret is gone", func(ctx context.Context) error { return secrets.Delete(ctx, switchedSecret, metav1.DeleteOptions{}) },
			func(ctx context.Context) error { return a.unusable(ctx, true) },
		},
		{
			"the users' Secret is back", func(ctx context.Context) error { return a.kube.putUsers(ctx, switchedSecret, a.party.passwords) },
			func(ctx context.Context) error { return a.unusable(ctx, false) },
		},
		{"nobody is asked again", a.patched(asksNone), a.open(true)},
	} {
		if s.do != nil {
			if err := s.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.title, err)
			}
		}
		if s.until != nil {
			if err := eventually(ctx, installLimit, s.until); err != nil {
				return fmt.Errorf("%s: %w", s.title, err)
			}
		}
		before := a.party.load.Challenged()
		if err := b.further(ctx, 3); err != nil {
			return fmt.Errorf("%s: %w", s.title, err)
		}
		a.stage.step("%s; phones were challenged %d times before, and %d times since", s.title, before, a.party.load.Challenged()-before)
	}
	return nil
}

// patched changes the SIPCluster and waits until all its pods are others.
func (a *interviewed) patched(patch string) func(context.Context) error {
	return func(ctx context.Context) error {
		before, err := a.proxies.snapshot(ctx)
		if err != nil {
			return err
		}
		if _, err := a.kube.kubectl(ctx, "--namespace", namespace, "patch", "sipcluster", a.proxies.name, "--type=merge", "--patch", patch); err != nil {
			return err
		}
		gone := map[string]bool{}
		for _, incarnation := range before.incarnations {
			gone[incarnation] = true
		}
		return eventually(ctx, settleLimit, func(ctx context.Context) error { return a.proxies.whole(ctx, len(before.pods), gone) })
	}
}

// keysRotated returns when all proxies make their nonces with other keys.
func (a *interviewed) keysRotated(ctx context.Context) error {
	if err := annotate(v1alpha1.AnnotationRotateKeys)(ctx, a.env, "", func(time.Time) {}); err != nil {
		return err
	}
	return eventually(ctx, rotateLimit, func(ctx context.Context) error { return a.keysIn(ctx, v1alpha1.KeysPhase("Retiring"), 2) })
}

// open is nil if the SIPCluster warns that whoever comes is let in, or that it does not.
func (a *interviewed) open(want bool) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := a.kube.sipCluster(ctx, namespace, a.proxies.name)
		if err != nil {
			return err
		}
		if got := apimeta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionAuthenticationOpen); got != want {
			return fmt.Errorf("SIPCluster %s: %s is %v", a.proxies.name, v1alpha1.ConditionAuthenticationOpen, got)
		}
		return nil
	}
}

// unusable is nil if the SIPCluster says that its credentials are, or that they are not.
func (a *interviewed) unusable(ctx context.Context, want bool) error {
	c, err := a.kube.sipCluster(ctx, namespace, a.proxies.name)
	if err != nil {
		return err
	}
	degraded := apimeta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionDegraded)
	if got := degraded != nil && degraded.Status == metav1.ConditionTrue && degraded.Reason == v1alpha1.ReasonCredentialsUnusable; got != want {
		return fmt.Errorf("SIPCluster %s: %+v", a.proxies.name, degraded)
	}
	return nil
}
