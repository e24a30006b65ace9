package controllers

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// What the operator may do: config/rbac/role.yaml and the chart's roles are made
// from these lines. It needs itself what it lets the proxies do (leases, and
// reading ConfigMaps). It may create a Secret, and read and change one by name, not list
// them, which it does where somebody lets it (selection.go); it changes those of keys that it rotates (rotations.go).
//
// +kubebuilder:rbac:groups=sipring.io,resources=sipclusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=sipring.io,resources=sipclusters/status,verbs=patch
// +kubebuilder:rbac:groups=sipring.io,resources=sipclusters/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get
// +kubebuilder:rbac:groups="",resources=pods;nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;create;patch
// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;list;watch;create;update;patch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=events,verbs=list
// +kubebuilder:rbac:groups="",resources=endpoints,verbs=delete

// nodeIndex indexes pods by the node that they run on.
const nodeIndex = "spec.nodeName"

// setup has Publish run on all that its decisions are made from, and on what
// it publishes.
func (p *Publisher) setup(ctx context.Context, mgr ctrl.Manager) error {
	byNode := func(o client.Object) []string { return []string{o.(*corev1.Pod).Spec.NodeName} }
	if err := mgr.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, nodeIndex, byNode); err != nil {
		return err
	}
	if err := mgr.Add(p.claims); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).Named("publisher").
		For(&v1alpha1.SIPCluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(p.clusterOf)).
		Watches(&coordinationv1.Lease{}, handler.EnqueueRequestsFromMapFunc(p.clusterOf), builder.WithPredicates(reportChanged())).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(p.clustersOn), builder.WithPredicates(nodeChanged())).
		WatchesRawSource(source.Channel(p.claims.changed, &handler.EnqueueRequestForObject{})).
		Owns(&corev1.ConfigMap{}).
		Owns(&discoveryv1.EndpointSlice{}).
		Owns(&appsv1.StatefulSet{}).
		Owns(&corev1.Service{}).
		WithOptions(controllerOptions(publisherBounds)).
		Complete(newGate(publisherBounds).through(p.Publish))
}

// setup has Apply run on what the publisher hands over, and on the rest of
// what a SIPCluster is made of.
func (a *Applier) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("applier").
		For(&v1alpha1.SIPCluster{}, builder.WithPredicates(clusterChanged())).
		WatchesRawSource(source.Func(a.passes.start)).
		Watches(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(a.turns.waitersOf), builder.WithPredicates(rolloutChanged())).
		Owns(&corev1.ServiceAccount{}).
		Owns(&rbacv1.Role{}).
		Owns(&rbacv1.RoleBinding{}).
		Owns(&policyv1.PodDisruptionBudget{}).
		Owns(&networkingv1.NetworkPolicy{}).
		WithOptions(controllerOptions(applierBounds)).
		Complete(newGate(applierBounds).through(a.Apply))
}

func controllerOptions(b bounds) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: b.workers,
		SkipNameValidation:      new(true), // one process may run several operators, as tests do
		// A second operator keeps its caches warm, to begin at once when it leads.
		EnableWarmup: new(true),
		RateLimiter:  workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Millisecond, 30*time.Second),
	}
}

// watched is one object of each kind that the operator reads from its caches.
func watched() []client.Object {
	return []client.Object{
		&v1alpha1.SIPCluster{},
		&corev1.Pod{}, &corev1.Node{}, &corev1.ConfigMap{}, &corev1.Service{}, &corev1.ServiceAccount{},
		&coordinationv1.Lease{}, &discoveryv1.EndpointSlice{}, &appsv1.StatefulSet{}, &policyv1.PodDisruptionBudget{},
		&networkingv1.NetworkPolicy{},
		&rbacv1.Role{}, &rbacv1.RoleBinding{},
	}
}

// clusterOf is the cluster of a pod or Lease, by its label.
func (p *Publisher) clusterOf(_ context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[config.LabelCluster]
	if name == "" {
		return nil
	}
	key := types.NamespacedName{Namespace: o.GetNamespace(), Name: name}
	p.noticed.note(key, p.now())
	return []reconcile.Request{{NamespacedName: key}}
}

// clustersOn are the clusters with pods on the node.
func (p *Publisher) clustersOn(ctx context.Context, node client.Object) []reconcile.Request {
	pods := &corev1.PodList{}
	if err := p.client.List(ctx, pods, client.MatchingFields{nodeIndex: node.GetName()}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "List the pods of a node", "node", node.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range pods.Items {
		requests = append(requests, p.clusterOf(ctx, &pods.Items[i])...)
	}
	return requests
}

// clusterChanged passes a new spec, a request for new keys, and a new status: a pass
// that read an older one than it wrote onto may have left a mixture of both. The pass
// after the operator's own writing finds nothing to write.
func clusterChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*v1alpha1.SIPCluster)
		now, ok2 := e.ObjectNew.(*v1alpha1.SIPCluster)
		return ok1 && ok2 && (before.Generation != now.Generation || keysAsked(before) != keysAsked(now) || !equality.Semantic.DeepEqual(before.Status, now.Status))
	}}
}

// nodeChanged passes what matters of a node: that it is there, its zone, and
// whether it is lost.
func nodeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok1 := e.ObjectOld.(*corev1.Node)
		now, ok2 := e.ObjectNew.(*corev1.Node)
		return ok1 && ok2 && nodeInput(before) != nodeInput(now)
	}}
}

// reported are the annotations of a Lease whose change matters, and no repetition.
var reported = []string{config.AnnotationServing, config.AnnotationEpoch, config.AnnotationKeys, config.AnnotationTrust, config.AnnotationReport}

// reportChanged passes what matters of a Lease: the report, and not that it was
// renewed without another word.
func reportChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.GetAnnotations(), e.ObjectNew.GetAnnotations()
		return now[config.AnnotationSuspects] != "" || before[config.AnnotationSuspects] != "" ||
			slices.ContainsFunc(reported, func(key string) bool { return before[key] != now[key] })
	}}
}
