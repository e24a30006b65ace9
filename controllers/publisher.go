package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
)

// publisherBounds: workers cost little, and a failover waits for one.
var publisherBounds = bounds{workers: 256, patient: 3 * time.Second, inNamespace: 8, slowInNamespace: 2, slow: 16}

// lookAtSecrets is how often a cluster is looked at though nothing was heard, at the
// least: the operator may not watch Secrets. The half of it at the most.
const lookAtSecrets = 30 * time.Second

// Publish brings what steers calls from what is there to what is wanted: the member
// set and the endpoints. It leaves the rest, and the status, to Apply.
func (r *Reconciler) Publish(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cluster := &v1alpha1.SIPCluster{}
	if err := r.client.Get(ctx, req.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !cluster.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // its objects go with it, by their owner references
	}

	who, err := r.claims.standing(ctx, cluster)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case who.by != "":
		return r.leave(cluster, who.by)
	}
	r.takenOver(cluster)
	since := r.noticed.take(req.NamespacedName)
	seen, err := r.observe(ctx, cluster, since.IsZero())
	if err != nil {
		r.noticed.putBack(req.NamespacedName, since)
		return r.blocked(cluster, classify(err, v1alpha1.ReasonReadFailed))
	}
	seen.rival = who.rival
	decision := membership.Next(seen.input())
	if err := r.publish(ctx, seen, &decision, since); err != nil {
		r.noticed.putBack(req.NamespacedName, since)
		return r.blocked(cluster, classify(err, v1alpha1.ReasonPublishFailed))
	}
	r.metrics.observe(cluster, &decision)
	var faults []fault
	if err := r.publishSlices(ctx, seen, decision.Endpoints); err != nil {
		faults = append(faults, classify(fmt.Errorf("endpoints: %w", err), v1alpha1.ReasonPublishFailed))
	}
	r.passes.hand(req.NamespacedName, pass{seen: seen, decision: decision, faults: faults, news: !since.IsZero()})
	if len(faults) > 0 {
		return ctrl.Result{}, joined(faults)
	}
	return ctrl.Result{RequeueAfter: lookAtSecrets/2 + rand.N(lookAtSecrets/2)}, nil
}

// blocked ends a pass that cannot go on. A conflict is nobody's fault: the pass
// starts again without an error.
func (r *Reconciler) blocked(c *v1alpha1.SIPCluster, f fault) (ctrl.Result, error) {
	if apierrors.IsConflict(f.err) || apierrors.IsAlreadyExists(f.err) {
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	r.passes.hand(client.ObjectKeyFromObject(c), pass{seen: &observation{cluster: c}, blocked: f})
	return ctrl.Result{}, f.err
}
