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

const (
	// lookAtSecrets is how often a cluster is looked at though nothing was heard, at
	// the least: the operator may not watch Secrets. The half of it at the most.
	lookAtSecrets = 30 * time.Second
	// conflictRetry is when a pass starts again after somebody else wrote the member
	// set: about as long as the news takes.
	conflictRetry = 10 * time.Millisecond
)

// Publisher is the controller that observes, decides who is a member, and publishes.
type Publisher struct {
	client  client.Client
	now     func() time.Time
	metrics *Metrics
	noticed *noticed
	passes  *passes
	endings *endings

	claims    *claims
	observer  *observer
	sets      *memberSets
	endpoints *endpoints

	suspicions *suspicions

	// others is what is remembered of clusters and means nothing once another
	// installation carries them out; lasting is the rest.
	others, lasting memories
}

// newPublisher is given what the applier remembers, which it drops with its own.
func newPublisher(o *Options, passes *passes, writer *writer, applier memories) *Publisher {
	noticed, claims, signers := newNoticed(o.Elected), newClaims(o), newSigners(o.Client, o.Live)
	records, nodes := newRecords(o.Client, o.Live, writer.adoption), newNodes(o.Client, o.Now)
	suspicions := &suspicions{}
	return &Publisher{
		client: o.Client, now: o.Now, metrics: o.Metrics, noticed: noticed, passes: passes, endings: o.endings, claims: claims,
		observer: &observer{client: o.Client, adoption: writer.adoption, records: records, signers: signers, nodes: nodes},
		sets: &memberSets{
			client: o.Client, now: o.Now, metrics: o.Metrics, records: records, signers: signers, applied: writer.applied,
			announcer: &announcer{recorder: o.Recorder, metrics: o.Metrics},
		},
		endpoints:  &endpoints{client: o.Client, writer: writer},
		suspicions: suspicions,
		others:     append(memories{noticed, records, nodes, suspicions, o.Metrics}, applier...),
		lasting:    memories{signers, claims},
	}
}

// Publish brings what steers calls from what is there to what is wanted: the member
// set and the endpoints. It leaves the rest, and the status, to Apply.
func (p *Publisher) Publish(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	cluster := &v1alpha1.SIPCluster{}
	if err := p.client.Get(ctx, req.NamespacedName, cluster); err != nil {
		if apierrors.IsNotFound(err) {
			p.others.forget(req.NamespacedName)
			p.lasting.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !cluster.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // its objects go with it, by their owner references
	}

	if err := protect(cluster.Namespace); err != nil {
		p.passes.hand(req.NamespacedName, pass{seen: &observation{cluster: cluster}, blocked: classify(err, "")})
		return ctrl.Result{}, nil
	}
	p.endings.begun(cluster)
	who, err := p.claims.standing(ctx, cluster)
	switch {
	case isEnding(err):
		return p.blocked(cluster, classify(err, v1alpha1.ReasonReadFailed))
	case err != nil:
		return ctrl.Result{}, err
	case who.by != "":
		return p.leave(cluster, who.by)
	}
	p.claims.tellTakenOver(cluster)
	since := p.noticed.take(req.NamespacedName)
	seen, err := p.observer.observe(ctx, cluster, since.IsZero())
	if err != nil {
		p.noticed.putBack(req.NamespacedName, since)
		return p.blocked(cluster, classify(err, v1alpha1.ReasonReadFailed))
	}
	seen.rival = who.rival
	in := seen.input()
	p.suspicions.tell(ctx, req.NamespacedName, &in)
	decision := membership.Next(in)
	if err := p.sets.publish(ctx, seen, &decision, since); err != nil {
		p.noticed.putBack(req.NamespacedName, since)
		return p.blocked(cluster, classify(err, v1alpha1.ReasonPublishFailed))
	}
	p.metrics.observe(cluster, &decision)
	var faults []fault
	if err := p.endpoints.publish(ctx, seen, decision.Endpoints); err != nil {
		faults = append(faults, classify(fmt.Errorf("endpoints: %w", err), v1alpha1.ReasonPublishFailed))
	}
	if err := p.sets.publishDescription(ctx, seen, decision.Set); err != nil {
		faults = append(faults, classify(fmt.Errorf("labels, annotations and owner of the member set: %w", err), v1alpha1.ReasonPublishFailed))
	}
	p.passes.hand(req.NamespacedName, pass{seen: seen, decision: decision, faults: faults, news: !since.IsZero()})
	if len(faults) > 0 {
		return ctrl.Result{}, joined(faults)
	}
	return ctrl.Result{RequeueAfter: seen.againForNodes(p.now(), lookAtSecrets/2+rand.N(lookAtSecrets/2))}, nil
}

// blocked ends a pass that cannot go on. A conflict is nobody's fault: the pass
// starts again without an error.
func (p *Publisher) blocked(c *v1alpha1.SIPCluster, f fault) (ctrl.Result, error) {
	if apierrors.IsConflict(f.err) || apierrors.IsAlreadyExists(f.err) {
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	p.passes.hand(client.ObjectKeyFromObject(c), pass{seen: &observation{cluster: c}, blocked: f})
	return ctrl.Result{}, f.err
}

// leave ends a pass on a cluster that another installation carries out: nothing
// of it is touched, its status neither, which that one writes.
func (p *Publisher) leave(c *v1alpha1.SIPCluster, by string) (ctrl.Result, error) {
	p.others.forget(client.ObjectKeyFromObject(c))
	p.claims.tellLeft(c, by)
	return ctrl.Result{RequeueAfter: 2 * claimEvery}, nil
}
