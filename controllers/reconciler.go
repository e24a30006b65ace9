package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
)

// resync is how often the applier goes on though nothing was heard.
const resync = 5 * time.Minute

// conflictRetry is when a pass starts again after somebody else wrote the
// member set: about as long as the news takes.
const conflictRetry = 10 * time.Millisecond

// Reconciler carries out SIPClusters, by two controllers: Publish and Apply. Each is
// safe for concurrent use on different clusters, and beside the other on any. What
// signs and what was published only Publish notes; what it hands over nobody changes.
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
	passes    *passes
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
		turns: newTurns(o.Rolling), shortages: newShortages(), claims: newClaims(o), passes: newPasses(),
	}
}

// forget drops what is remembered of a cluster that is no more.
func (r *Reconciler) forget(req ctrl.Request) {
	r.records.forget(req.NamespacedName)
	r.signers.forget(req.NamespacedName)
	r.claims.forget(req.NamespacedName)
	r.noticed.take(req.NamespacedName)
	r.metrics.forget(req.Namespace, req.Name)
	r.forgetApplied(req.NamespacedName)
}

// forgetApplied drops what the applier needs. It calls that itself too: a pass of its
// may end after the publisher has dropped the rest.
func (r *Reconciler) forgetApplied(key types.NamespacedName) {
	r.passes.forget(key)
	r.applied.forget(key)
	r.turns.forget(key)
	r.shortages.note(key, false, time.Time{})
}
