package controllers

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// observation is what one pass starts from. It is not changed afterwards.
type observation struct {
	cluster *v1alpha1.SIPCluster
	signer  *signer
	// signerFault is why the signer is the one of before.
	signerFault error
	record      record
	seed        ring.Seed
	pods        []corev1.Pod // the cluster's own, by ordinal
	strangers   []corev1.Pod // that look like them
	nodes       []corev1.Node
	deleted     []deletedNode // that pods are still on
	leases      []coordinationv1.Lease
	// statefulSet, service and tcp, the Service of what TCP carries if that has one of its
	// own, are nil where there is none.
	statefulSet *appsv1.StatefulSet
	service     *corev1.Service
	tcp         *corev1.Service
	short       shortage
	// shared are the addresses that the nodes are to hold, with spec.network.mode
	// SharedAddress; none where none is known yet.
	shared []string
	// selected are the Secrets of credentials that spec.authentication selects, by name;
	// unselected is why they are not known.
	selected   []string
	unselected error
	// rival is the installation of the operator that wants the cluster too.
	rival string
}

// observer reads what there is of a SIPCluster.
type observer struct {
	client   client.Client
	adoption *adoption
	records  *records
	signers  *signers
	nodes    *nodes
}

// observe reads what is there, from the cache but for a missing record and, where
// there is time, the keys that sign.
func (o *observer) observe(ctx context.Context, c *v1alpha1.SIPCluster, look bool) (*observation, error) {
	seen := &observation{cluster: c}
	var err error
	if seen.signer, seen.signerFault = o.signers.find(ctx, c, look); seen.signer == nil {
		return nil, fmt.Errorf("keys that sign member sets: %w", seen.signerFault)
	}
	if seen.record, err = o.records.find(ctx, c, seen.signer); err != nil {
		return nil, fmt.Errorf("read the published member set: %w", err)
	}
	mine := []client.ListOption{client.InNamespace(c.Namespace), client.MatchingLabels{config.LabelCluster: c.Name}}
	pods, leases := &corev1.PodList{}, &coordinationv1.LeaseList{}
	if err := o.client.List(ctx, pods, mine...); err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	if err := o.client.List(ctx, leases, mine...); err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	seen.leases = leases.Items
	if seen.statefulSet, err = found(ctx, o.client, c.Namespace, desired.StatefulSetName(c.Name), &appsv1.StatefulSet{}); err != nil {
		return nil, err
	}
	if seen.statefulSet != nil && orphaned(c, seen.statefulSet) { // before its pods are judged by whose it is
		if err := o.adoption.adopt(ctx, c, "StatefulSet", seen.statefulSet); err != nil {
			return nil, err
		}
	}
	sortPods(c.Name, pods.Items)
	seen.pods, seen.strangers = split(c, seen.statefulSet, seen.record.set, pods.Items)
	seen.record, seen.seed = seen.raised(), ringSeed(c, seen.record, seen.agreedSeed())
	if seen.nodes, seen.deleted, err = o.nodes.of(ctx, c, seen.pods); err != nil {
		return nil, err
	}
	if seen.service, err = found(ctx, o.client, c.Namespace, desired.ClientServiceName(c.Name), &corev1.Service{}); err != nil {
		return nil, err
	}
	if desired.Separate(c) {
		seen.tcp, err = found(ctx, o.client, c.Namespace, desired.TCPServiceName(c.Name), &corev1.Service{})
	}
	seen.shared = desired.SharedAddresses(c, seen.service, sharedBefore(seen.statefulSet))
	return seen, err
}

// services are those that phones use.
func (o *observation) services() desired.ClientServices {
	return desired.ClientServices{Main: o.service, TCP: o.tcp}
}

// sortPods sorts by ordinal, what is no member's last: the cache's order is none.
func sortPods(cluster string, pods []corev1.Pod) {
	ordinal := func(p *corev1.Pod) int32 {
		if n, ok := desired.Ordinal(cluster, p.Name); ok {
			return n
		}
		return math.MaxInt32
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(ordinal(&a), ordinal(&b)), cmp.Compare(a.Name, b.Name))
	})
}

// found is the object, or nil where there is none.
func found[T client.Object](ctx context.Context, from client.Reader, namespace, name string, into T) (T, error) {
	var none T
	err := from.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("get %T %s/%s: %w", into, namespace, name, err)
	}
	return into, nil
}

// input is the observation in the terms of package membership.
func (o *observation) input() membership.Input {
	before := &config.MemberSet{}
	if o.record.set != nil {
		before = o.record.set
	}
	in := membership.Input{
		Ring:      desired.RingParameters(o.cluster),
		Advertise: desired.Advertise(o.cluster, o.services(), before.Advertise),
		Listeners: desired.AdvertiseEach(o.cluster, o.services(), o.record.set),
		Previous:  o.record.set,
		Floor:     o.record.floor,
	}
	in.Second = desired.Second(o.cluster, o.service, in.Advertise, before.Second)
	in.Ring.Seed = o.seed
	for i := range o.pods {
		if p, ok := podInput(o.cluster, &o.pods[i]); ok {
			in.Pods = append(in.Pods, p)
		}
	}
	for i := range o.nodes {
		in.Nodes = append(in.Nodes, nodeInput(&o.nodes[i]))
	}
	for i := range o.deleted {
		in.Nodes = append(in.Nodes, o.deleted[i].input())
	}
	for i := range o.leases {
		in.Reports = append(in.Reports, reportInput(&o.leases[i]))
	}
	return in
}

func nodeInput(n *corev1.Node) membership.Node {
	return membership.Node{Name: n.Name, Zone: n.Labels[corev1.LabelTopologyZone], Lost: nodeLost(n)}
}

// nodeLost says that the node's kubelet is not heard of any more. While it is,
// its pods' own readiness says more than the node's.
func nodeLost(n *corev1.Node) bool { return nodeReady(n).Status == corev1.ConditionUnknown }

// nodeReady is the node's own condition; zero where there is none.
func nodeReady(n *corev1.Node) corev1.NodeCondition {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c
		}
	}
	return corev1.NodeCondition{}
}

// reportInput reads what a proxy wrote into its Lease, which is named like it.
func reportInput(l *coordinationv1.Lease) membership.Report {
	r := membership.Report{Reporter: l.Name}
	if l.Spec.RenewTime != nil {
		r.At = l.Spec.RenewTime.Time
	}
	r.Suspects = config.SplitSuspects(l.Annotations[config.AnnotationSuspects])
	r.Ended = config.SplitSuspects(l.Annotations[config.AnnotationEnded])
	r.Serving = config.ParseWord(l.Annotations[config.AnnotationServing])
	r.Saw = config.ParseReport(l.Annotations[config.AnnotationReport])
	return r
}
