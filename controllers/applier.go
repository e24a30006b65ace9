package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

var applierBounds = bounds{workers: 32, patient: 10 * time.Second, inNamespace: 4, slowInNamespace: 1, slow: 8}

// Apply goes on from the last pass of Publish: it applies the objects, removes
// foreign endpoints and reports the status. Until the first set is published there
// is nothing to do for it.
func (r *Reconciler) Apply(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cluster := &v1alpha1.SIPCluster{}
	if err := r.client.Get(ctx, req.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			r.forgetApplied(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p, ok := r.passes.of(req.NamespacedName)
	if !ok || !cluster.DeletionTimestamp.IsZero() || cluster.UID != p.seen.cluster.UID || cluster.Generation != p.seen.cluster.Generation {
		return ctrl.Result{}, nil // Publish comes first, and hands over again
	}
	if p.blocked.err != nil {
		return ctrl.Result{}, r.reportBlocked(ctx, cluster, p.blocked)
	}
	seen := *p.seen
	seen.cluster = cluster // with the status as it is by now
	var err error
	if seen.statefulSet, err = found(ctx, r.client, cluster.Namespace, desired.StatefulSetName(cluster.Name), &appsv1.StatefulSet{}); err != nil {
		return ctrl.Result{}, err
	}
	seen.short = r.shortage(ctx, &seen)
	return r.carryOut(ctx, &seen, &p)
}

// carryOut applies, sweeps and reports.
func (r *Reconciler) carryOut(ctx context.Context, seen *observation, p *pass) (ctrl.Result, error) {
	faults, held := r.apply(ctx, seen)
	r.metrics.updatesWaiting.Set(float64(len(r.turns.waiters())))
	soon, err := r.sweep(ctx, seen, !p.news) // where there is news the rest has time
	if err != nil {
		faults = append(faults, classify(fmt.Errorf("foreign endpoints: %w", err), v1alpha1.ReasonApplyFailed))
	}
	did := outcome{slices.Concat(p.faults, faults), held, r.appliedPods(seen.cluster)}
	if err := r.report(ctx, seen, &p.decision, did); err != nil {
		faults = append(faults, fault{err: err})
	}
	if len(faults) > 0 {
		return ctrl.Result{}, joined(faults)
	}
	again := held.again(r.now(), lookAgain(seen, r.now()))
	if soon {
		again = min(again, sweepAgain)
	}
	return ctrl.Result{RequeueAfter: again}, nil
}

func joined(faults []fault) error {
	errs := make([]error, 0, len(faults))
	for _, f := range faults {
		errs = append(errs, f.err)
	}
	return errors.Join(errs...)
}
