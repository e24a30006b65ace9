package controllers

import (
	"context"
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

// resync is how often the applier goes on though nothing was heard.
const resync = 5 * time.Minute

// Applier is the controller that applies the objects and reports the status.
type Applier struct {
	client  client.Client
	now     func() time.Time
	metrics *Metrics
	passes  *passes
	endings *endings

	shortages    *shortages
	selections   *selections
	credentials  *credentials
	certificates *credentials
	translations *translations
	turns        *turns
	objects      *objects
	rotations    *rotations
	workload     *workload
	sweeper      *sweeper
	reporter     *reporter

	// memories are of what it needs. The publisher drops them too, but a pass may end
	// after that.
	memories memories
}

func newApplier(o *Options, passes *passes, writer *writer) *Applier {
	turns, shortages := newTurns(o.Rolling), newShortages(o.Live, o.Now)
	selections, credentials, certificates := newSelections(o.Live, o.Now), newCredentials(o.Live), newCertificates(o.Live)
	workload := &workload{client: o.Client, recorder: o.Recorder, writer: writer, image: o.Image, policy: o.Templates}
	rollouts := &rollouts{client: o.Client, recorder: o.Recorder, now: o.Now, turns: turns, workload: workload}
	return &Applier{
		client: o.Client, now: o.Now, metrics: o.Metrics, passes: passes, endings: o.endings,
		shortages: shortages, selections: selections, credentials: credentials, certificates: certificates, translations: &translations{client: o.Client, now: o.Now}, turns: turns, workload: workload,
		objects:   newObjects(o, writer, rollouts),
		rotations: &rotations{client: o.Client, live: o.Live, recorder: o.Recorder, now: o.Now},
		sweeper:   &sweeper{client: o.Client, live: o.Live, recorder: o.Recorder},
		reporter:  &reporter{client: o.Client, recorder: o.Recorder, now: o.Now},
		memories:  memories{passes, writer.applied, turns, shortages, selections, credentials, certificates, o.endings},
	}
}

// Apply goes on from the last pass of Publish: it applies the objects, removes
// foreign endpoints and reports the status. Until the first set is published there
// is nothing to do for it.
func (a *Applier) Apply(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cluster := &v1alpha1.SIPCluster{}
	if err := a.client.Get(ctx, req.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			a.memories.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p, ok := a.passes.of(req.NamespacedName)
	if !ok || !cluster.DeletionTimestamp.IsZero() || cluster.UID != p.seen.cluster.UID || cluster.Generation != p.seen.cluster.Generation {
		return ctrl.Result{}, nil // Publish comes first, and hands over again
	}
	if p.blocked.err != nil {
		return ctrl.Result{}, a.reporter.reportBlocked(ctx, cluster, p.blocked)
	}
	seen := *p.seen
	seen.cluster = cluster // with the status as it is by now
	var err error
	if seen.statefulSet, err = found(ctx, a.client, cluster.Namespace, desired.StatefulSetName(cluster.Name), &appsv1.StatefulSet{}); err != nil {
		return ctrl.Result{}, err
	}
	seen.short = a.shortages.find(ctx, &seen)
	return a.carryOut(ctx, &seen, &p)
}

// carryOut applies, sweeps, rotates keys and reports.
func (a *Applier) carryOut(ctx context.Context, seen *observation, p *pass) (ctrl.Result, error) {
	unsuited, unselected := a.selections.find(ctx, seen, !p.news)
	faults, held := a.applyWhereItLasts(ctx, seen)
	if unselected != nil {
		faults = slices.Insert(faults, 0, classify(fmt.Errorf("credentials: %w", unselected), v1alpha1.ReasonReadFailed))
	}
	a.metrics.updatesWaiting.Set(float64(len(a.turns.waiters())))
	soon, err := a.sweeper.sweep(ctx, seen, !p.news) // where there is news the rest has time
	if err != nil {
		faults = append(faults, classify(fmt.Errorf("foreign endpoints: %w", err), v1alpha1.ReasonApplyFailed))
	}
	var done rotated
	late := slices.ContainsFunc(faults, func(f fault) bool { return isLate(f.err) })
	unusable, err := a.credentials.find(ctx, seen, !late && !p.news)
	if err != nil {
		faults = append(faults, classify(fmt.Errorf("credentials: %w", err), v1alpha1.ReasonReadFailed))
	}
	spoilt, err := a.certificates.find(ctx, seen, !late && !p.news)
	if err != nil {
		faults = append(faults, classify(fmt.Errorf("certificates: %w", err), v1alpha1.ReasonReadFailed))
	}
	if !late {
		if done, err = a.rotations.proceed(ctx, seen); err != nil {
			faults = append(faults, classify(err, v1alpha1.ReasonApplyFailed))
		} else {
			a.metrics.rotated(seen.cluster.Namespace, seen.cluster.Name, &done)
		}
	}
	a.metrics.aged(seen.cluster.Namespace, seen.cluster.Name, signerKeys, seen.signer.made)
	translated, err := a.translations.find(ctx, seen)
	if err != nil {
		faults = append(faults, classify(err, v1alpha1.ReasonReadFailed))
	}
	did := outcome{slices.Concat(p.faults, faults), held, a.workload.generation(seen.cluster), done, firstOf(unsuited, unusable, spoilt), translated, applicationsOf(seen, &p.decision)}
	a.metrics.applications(seen.cluster, did.applications)
	if err := a.reporter.report(ctx, seen, &p.decision, did); err != nil {
		faults = append(faults, fault{err: err})
	}
	if len(faults) > 0 {
		return ctrl.Result{}, joined(faults)
	}
	a.turns.went(client.ObjectKeyFromObject(seen.cluster), a.now())
	again := held.again(a.now(), lookAgain(seen, a.now()))
	if soon {
		again = min(again, sweepAgain)
	}
	return ctrl.Result{RequeueAfter: again}, nil
}
