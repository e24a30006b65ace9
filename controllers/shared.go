package controllers

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	podsecurity "k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
)

// sharedBefore are the shared addresses that the pods were made with.
func sharedBefore(set *appsv1.StatefulSet) []string {
	if set == nil {
		return nil
	}
	return desired.SharedBefore(set.Spec.Template.Annotations[desired.AnnotationConfig])
}

// waitsForShared says that the nodes are to hold an address which is not known yet.
func waitsForShared(seen *observation) bool {
	return desired.SharesAddress(seen.cluster) && len(seen.shared) == 0
}

// sharedAwaited is what it waits for.
func sharedAwaited(seen *observation) string {
	return fmt.Sprintf("the pods wait for the address that their nodes are to hold: the load balancer of Service %s has assigned none yet; set spec.network.addresses if it never does", desired.ClientServiceName(seen.cluster.Name))
}

// privilegesLast is for how long a namespace that had the label is not looked at again.
const privilegesLast = time.Minute

// privileges know which namespaces let pods onto their nodes' network.
type privileges struct {
	live client.Reader
	now  func() time.Time

	mu   sync.Mutex
	seen map[string]time.Time // when the label was there
}

func newPrivileges(live client.Reader, now func() time.Time) *privileges {
	return &privileges{live: live, now: now, seen: map[string]time.Time{}}
}

// check refuses a namespace whose label does not let the pods be made, where they are to
// be on their nodes' network.
func (p *privileges) check(ctx context.Context, seen *observation) error {
	name := seen.cluster.Namespace
	if !desired.SharesAddress(seen.cluster) || p.fresh(name) {
		return nil
	}
	namespace := &corev1.Namespace{}
	if err := p.live.Get(ctx, client.ObjectKey{Name: name}, namespace); err != nil {
		return fmt.Errorf("read namespace %s: %w", name, err)
	}
	const label, want = podsecurity.EnforceLevelLabel, string(podsecurity.LevelPrivileged)
	if have := namespace.Labels[label]; have != want {
		return &privilegeError{fmt.Errorf("spec.network.mode SharedAddress has the pods on their nodes' network, with the capability NET_ADMIN, and namespace %s has %s: %q: if it may have such pods, run `kubectl label --overwrite namespace %s %s=%s`", name, label, have, name, label, want)}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[name] = p.now()
	return nil
}

// fresh says that the label was there a short time ago.
func (p *privileges) fresh(namespace string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.seen, func(_ string, at time.Time) bool { return p.now().Sub(at) >= privilegesLast })
	_, ok := p.seen[namespace]
	return ok
}
