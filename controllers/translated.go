package controllers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// nodesLast is for how long the nodes' addresses are taken to be what they were.
const nodesLast = time.Minute

// translation is why the proxies do not see the phones' own addresses.
type translation struct{ reason, message string }

// translations find out. They read the nodes, once in nodesLast, only where proxies tell
// of sources with many bindings.
type translations struct {
	client client.Client
	now    func() time.Time

	mu    sync.Mutex
	at    time.Time
	nodes map[string]string // by their addresses
}

// shareOneSource is what that costs.
const shareOneSource = ": these phones share one source's limits, and are reached by that node's translation alone"

// find is what the Services say, or what the proxies see.
func (t *translations) find(ctx context.Context, seen *observation) (*translation, error) {
	for _, s := range []*corev1.Service{seen.service, seen.tcp} {
		if s != nil && s.Spec.Type != corev1.ServiceTypeClusterIP && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyCluster {
			return &translation{v1alpha1.ReasonExternalTrafficPolicyCluster, fmt.Sprintf(
				"Service %s has externalTrafficPolicy Cluster, by which nodes put their own addresses in the place of the phones'%s; set spec.service.externalTrafficPolicy Local", s.Name, shareOneSource)}, nil
		}
	}
	reported := sourcesOf(seen)
	if len(reported) == 0 {
		return nil, nil
	}
	nodes, err := t.addresses(ctx)
	if err != nil {
		return nil, err
	}
	var told []string
	for _, r := range reported {
		if node, is := nodes[r.Address]; is {
			told = append(told, fmt.Sprintf("%s, of node %s", r.Address, node))
		}
	}
	if len(told) == 0 {
		return nil, nil
	}
	return &translation{v1alpha1.ReasonNodeIsSource, fmt.Sprintf(
		"%d or more bindings at a proxy were registered from %s%s; look for what translates on the way (docs/networking.md)", config.ReportedFrom, strings.Join(told, "; from "), shareOneSource)}, nil
}

// sourcesOf are those that the cluster's proxies tell of, each once.
func sourcesOf(seen *observation) (all []config.Source) {
	for i := range seen.leases {
		l := &seen.leases[i]
		r := config.ParseReport(l.Annotations[config.AnnotationReport])
		if r == nil || !slices.ContainsFunc(seen.pods, func(p corev1.Pod) bool { return p.Name == l.Name }) {
			continue
		}
		for _, s := range r.Sources {
			if s.Bindings >= config.ReportedFrom && !slices.ContainsFunc(all, func(o config.Source) bool { return o.Address == s.Address }) {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b config.Source) int { return strings.Compare(a.Address, b.Address) })
	return all[:min(len(all), 8)]
}

// addresses are the nodes by theirs: what the cloud or the kubelet says, and what network
// plugins usually give the node itself of what its pods have, which it sends to them from.
func (t *translations) addresses(ctx context.Context) (map[string]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes != nil && t.now().Sub(t.at) < nodesLast {
		return t.nodes, nil
	}
	list := &corev1.NodeList{}
	if err := t.client.List(ctx, list); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	t.at, t.nodes = t.now(), map[string]string{}
	for i := range list.Items {
		n := &list.Items[i]
		for _, a := range n.Status.Addresses {
			if ip, err := netip.ParseAddr(a.Address); err == nil {
				t.nodes[ip.Unmap().String()] = n.Name
			}
		}
		for _, text := range n.Spec.PodCIDRs {
			if p, err := netip.ParsePrefix(text); err == nil {
				first := p.Masked().Addr()
				t.nodes[first.String()], t.nodes[first.Next().String()] = n.Name, n.Name
			}
		}
	}
	return t.nodes, nil
}

// setTranslated puts the condition SourceTranslated there, or away.
func setTranslated(conditions *[]metav1.Condition, c *v1alpha1.SIPCluster, found *translation, now metav1.Time) {
	if found == nil {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionSourceTranslated)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionSourceTranslated, Status: metav1.ConditionTrue, Reason: found.reason, Message: shortened(found.message),
		ObservedGeneration: c.Generation, LastTransitionTime: now,
	})
}

// tellTranslated warns by an Event of a translation that is new.
func (r *reporter) tellTranslated(c *v1alpha1.SIPCluster, status *v1alpha1.SIPClusterStatus) {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionSourceTranslated)
	now := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionSourceTranslated)
	if now != nil && (before == nil || before.Reason != now.Reason) {
		r.recorder.Eventf(c, nil, corev1.EventTypeWarning, v1alpha1.EventSourceTranslated, "Reconcile", "%s", now.Message)
	}
}
