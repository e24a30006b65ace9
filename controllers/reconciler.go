package controllers

import (
	"context"
	"time"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
)

// Reconciler carries out SIPClusters, by two controllers. Each is safe for concurrent
// use on different clusters, and beside the other on any. What signs and what was
// published only the publisher notes; what it hands over nobody changes.
type Reconciler struct {
	*Publisher
	*Applier
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

	// endings are what the Client's transport hears of; nil: nothing does.
	endings *endings
}

// NewReconciler returns a Reconciler that knows nothing yet.
func NewReconciler(o Options) *Reconciler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Templates == nil {
		o.Templates = desired.RestrictedTemplates()
	}
	if o.endings == nil {
		o.endings = newEndings(o.Now)
	}
	o.Client, o.Recorder = guard{o.Client, o.endings}, quiet{o.Recorder, o.endings}
	passes := newPasses()
	adoption := &adoption{client: o.Client, live: o.Live, recorder: o.Recorder}
	writer := &writer{client: o.Client, adoption: adoption, applied: newApplied(), endings: o.endings}
	applier := newApplier(&o, passes, writer)
	return &Reconciler{Publisher: newPublisher(&o, passes, writer, applier.memories), Applier: applier}
}

// Setup makes the manager run the Reconciler on everything that concerns a
// SIPCluster.
func (r *Reconciler) Setup(ctx context.Context, mgr ctrl.Manager) error {
	if err := r.Publisher.setup(ctx, mgr); err != nil {
		return err
	}
	return r.Applier.setup(mgr)
}
