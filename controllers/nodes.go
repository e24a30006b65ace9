package controllers

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
)

// deletedWithin is how long a Node may be away and come back, as its kubelet
// registers it anew. Some seconds later Kubernetes itself removes the pods that are
// said to be on it, which it does after 40 to 60 seconds.
const deletedWithin = 30 * time.Second

// nodes reads the Nodes that pods are on, and remembers those that it has read: one
// that is gone from among these was deleted, while one that was never there may only
// not have come in yet. It is safe for concurrent use.
type nodes struct {
	client client.Client
	now    func() time.Time

	mu    sync.Mutex
	known map[types.NamespacedName]map[string]knownNode
}

// knownNode is one that was read: its zone, and since when it is missing, or zero.
type knownNode struct {
	zone    string
	missing time.Time
}

// deletedNode is one that was deleted.
type deletedNode struct {
	name string
	knownNode
	forGood bool // it was not registered anew in time
}

func newNodes(c client.Client, now func() time.Time) *nodes {
	return &nodes{client: c, now: now, known: map[types.NamespacedName]map[string]knownNode{}}
}

// of are the Nodes of the cluster's pods, and those that were deleted under them.
func (ns *nodes) of(ctx context.Context, c *v1alpha1.SIPCluster, pods []corev1.Pod) (there []corev1.Node, deleted []deletedNode, err error) {
	key := client.ObjectKeyFromObject(c)
	ns.mu.Lock()
	before := ns.known[key]
	ns.mu.Unlock()
	now, asked := map[string]knownNode{}, map[string]bool{"": true}
	for i := range pods {
		name := pods[i].Spec.NodeName
		if asked[name] {
			continue
		}
		asked[name] = true
		node, err := found(ctx, ns.client, "", name, &corev1.Node{})
		if err != nil {
			return nil, nil, err
		}
		if node != nil {
			there = append(there, *node)
			now[name] = knownNode{zone: node.Labels[corev1.LabelTopologyZone]}
		} else if was, ok := before[name]; ok {
			if was.missing.IsZero() {
				was.missing = ns.now()
			}
			now[name] = was
			deleted = append(deleted, deletedNode{name, was, ns.now().Sub(was.missing) >= deletedWithin})
		}
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.known[key] = now
	return there, deleted, nil
}

func (ns *nodes) forget(cluster types.NamespacedName) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	delete(ns.known, cluster)
}

func (n *deletedNode) input() membership.Node {
	return membership.Node{Name: n.name, Zone: n.zone, Lost: true, Deleted: n.forGood}
}

// againForNodes is when the pass should be repeated for Nodes that may yet come back,
// at most later.
func (o *observation) againForNodes(now time.Time, later time.Duration) time.Duration {
	for i := range o.deleted {
		if n := &o.deleted[i]; !n.forGood {
			later = min(later, max(n.missing.Add(deletedWithin).Sub(now), time.Millisecond))
		}
	}
	return later
}
