package controllers

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sipring/sipring/controllers/membership"
)

// pass is what the publisher saw, decided and did, for the applier to go on from. It
// is not changed afterwards.
type pass struct {
	seen     *observation
	decision membership.Result
	// faults of what was published beside the member set.
	faults []fault
	// blocked is why the member set was not published; zero: it was. Then there is
	// no decision, and seen has the cluster alone.
	blocked fault
	// news led to it, and not only time: what takes long may wait.
	news bool
}

// passes hold the last pass of each cluster, and wake the applier.
type passes struct {
	mu    sync.Mutex
	last  map[types.NamespacedName]pass
	queue workqueue.TypedRateLimitingInterface[reconcile.Request] // nil: not yet
}

func newPasses() *passes { return &passes{last: map[types.NamespacedName]pass{}} }

// start is the source of the applier's work.
func (ps *passes) start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.queue = queue
	for key := range ps.last {
		queue.Add(reconcile.Request{NamespacedName: key})
	}
	return nil
}

// hand gives the pass to the applier.
func (ps *passes) hand(key types.NamespacedName, p pass) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.last[key] = p
	if ps.queue != nil {
		ps.queue.Add(reconcile.Request{NamespacedName: key})
	}
}

func (ps *passes) of(key types.NamespacedName) (pass, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, ok := ps.last[key]
	return p, ok
}

func (ps *passes) forget(key types.NamespacedName) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.last, key)
}
