package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// resync is how often a cluster is looked at though nothing was heard: it
// repairs what is not watched, which is the Secret.
const resync = 5 * time.Minute

// conflictRetry is when a pass starts again after somebody else wrote the
// member set: about as long as the news takes.
const conflictRetry = 10 * time.Millisecond

// Reconciler carries out SIPClusters. It is safe for concurrent use on
// different clusters.
type Reconciler struct {
	client   client.Client
	live     client.Reader // past the cache
	recorder events.EventRecorder
	metrics  *Metrics
	image    string // of proxies whose spec names none
	policy   *desired.TemplatePolicy
	now      func() time.Time

	records *records
	signers *signers
	applied *applied
	noticed *noticed
	turns   *turns

	shortages *shortages
	claims    *claims
}

// Options of a Reconciler.
type Options struct {
	// Client reads from a cache that holds the objects with config.LabelCluster.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Recorder takes the Events on SIPClusters.
	Recorder events.EventRecorder
	// Metrics of the operator.
	Metrics *Metrics
	// Image of proxies whose spec names none.
	Image string
	// Templates is how far spec.template may go; nil: the pod security standard
	// restricted.
	Templates *desired.TemplatePolicy
	// Rolling says how a change that comes with the operator reaches its SIPClusters;
	// zero: all at once.
	Rolling Rolling
	// Elected is closed once this process leads; nil: it leads from the start.
	Elected <-chan struct{}
	// Identity tells this installation from others, which may be told to carry out
	// the same SIPClusters; empty: there is no other.
	Identity string
	// Passing: no other process has the Identity, or will.
	Passing bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// NewReconciler returns a Reconciler that knows nothing yet.
func NewReconciler(o Options) *Reconciler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Templates == nil {
		o.Templates = desired.RestrictedTemplates()
	}
	return &Reconciler{
		client: o.Client, live: o.Live, recorder: o.Recorder, metrics: o.Metrics, image: o.Image, policy: o.Templates, now: o.Now,
		records: newRecords(), signers: newSigners(), applied: newApplied(), noticed: newNoticed(o.Elected),
		turns: newTurns(o.Rolling), shortages: newShortages(), claims: newClaims(o),
	}
}

// Reconcile brings one SIPCluster from what is there to what is wanted.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
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
		r.turns.giveBack(req.NamespacedName)
		return r.leave(cluster, who.by)
	}
	r.takenOver(cluster)
	since := r.noticed.take(req.NamespacedName)
	seen, err := r.observe(ctx, cluster, since.IsZero())
	if err != nil {
		r.noticed.putBack(req.NamespacedName, since)
		return r.blocked(ctx, cluster, classify(err, v1alpha1.ReasonReadFailed))
	}
	seen.rival = who.rival
	decision := membership.Next(seen.input())
	if err := r.publish(ctx, seen, &decision, since); err != nil {
		r.noticed.putBack(req.NamespacedName, since)
		return r.blocked(ctx, cluster, classify(err, v1alpha1.ReasonPublishFailed))
	}
	var faults []fault
	if err := r.publishSlices(ctx, seen, decision.Endpoints); err != nil {
		faults = append(faults, classify(fmt.Errorf("endpoints: %w", err), v1alpha1.ReasonPublishFailed))
	}
	failed, held := r.apply(ctx, seen)
	r.metrics.updatesWaiting.Set(float64(len(r.turns.waiters())))
	faults = append(faults, failed...)
	soon, err := r.sweep(ctx, seen, since.IsZero()) // where there is news the rest has time
	if err != nil {
		faults = append(faults, classify(fmt.Errorf("foreign endpoints: %w", err), v1alpha1.ReasonApplyFailed))
	}
	did := outcome{faults, held, r.appliedPods(cluster)}
	if err := r.report(ctx, seen, &decision, did); err != nil {
		faults = append(faults, fault{err: err})
	}
	again := held.again(r.now(), lookAgain(seen, r.now()))
	if soon {
		again = min(again, sweepAgain)
	}
	return ctrl.Result{RequeueAfter: again}, joined(faults)
}

// blocked ends a pass that cannot go on. A conflict is nobody's fault: the pass
// starts again without an error.
func (r *Reconciler) blocked(ctx context.Context, c *v1alpha1.SIPCluster, f fault) (ctrl.Result, error) {
	if apierrors.IsConflict(f.err) || apierrors.IsAlreadyExists(f.err) {
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	return ctrl.Result{}, errors.Join(f.err, r.reportBlocked(ctx, c, f))
}

// forget drops what is remembered of a cluster that is no more.
func (r *Reconciler) forget(req ctrl.Request) {
	r.records.forget(req.NamespacedName)
	r.signers.forget(req.NamespacedName)
	r.applied.forget(req.NamespacedName)
	r.claims.forget(req.NamespacedName)
	r.noticed.take(req.NamespacedName)
	r.turns.forget(req.NamespacedName)
	r.shortages.note(req.NamespacedName, false, time.Time{})
	r.metrics.forget(req.Namespace, req.Name)
}

func joined(faults []fault) error {
	errs := make([]error, 0, len(faults))
	for _, f := range faults {
		errs = append(errs, f.err)
	}
	return errors.Join(errs...)
}
