package controllers

import (
	"context"
	"maps"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// claimsAtOnce bounds the claims that are renewed at the same time: of those that
// were renewed the last time, and apart from them of those that were not. One
// namespace whose API calls hang must not have the others' claims run out.
const claimsAtOnce = 16

// claims keep two installations of the operator from carrying out one cluster,
// each against the other. A claim that cannot be read or written for long stops
// nobody: a failover is worth more.
type claims struct {
	identity string // of this installation; empty: it is the only one
	// passing: this process has no successor of the same identity, and lets go of
	// its claims as it stops.
	passing  bool
	client   client.Client
	live     client.Reader
	recorder events.EventRecorder
	now      func() time.Time
	changed  chan event.GenericEvent

	mu sync.Mutex
	of map[types.NamespacedName]*entry
}

// entry is one cluster's claim and what came of it.
type entry struct {
	uid   types.UID
	busy  sync.Mutex // held while the claim is looked at
	claim claim
	// standing and known are read under claims.mu.
	standing standing
	known    bool
	failing  bool // the last try did
	tried    time.Time
	told     string // of whom an Event told last
}

func newClaims(o *Options) *claims {
	return &claims{
		identity: o.Identity, passing: o.Passing, client: o.Client, live: o.Live, recorder: o.Recorder, now: o.Now,
		changed: make(chan event.GenericEvent), of: map[types.NamespacedName]*entry{},
	}
}

// standing says who carries the cluster out. Where claims are renewed it is known
// without a request, but the first time. An error is one of the first time too.
func (cs *claims) standing(ctx context.Context, c *v1alpha1.SIPCluster) (standing, error) {
	if cs.identity == "" {
		return standing{}, nil
	}
	key := client.ObjectKeyFromObject(c)
	cs.mu.Lock()
	e := cs.of[key]
	if e == nil || e.uid != c.UID {
		e = &entry{uid: c.UID, claim: claim{owner: ownerOf(c), began: cs.now()}}
		cs.of[key] = e
	}
	v, fresh := e.standing, e.known && cs.now().Sub(e.tried) < 2*claimEvery
	cs.mu.Unlock()
	if fresh {
		return v, nil
	}
	return cs.renew(ctx, key, e)
}

// renew looks at the claim. Where that fails what was known stays so.
func (cs *claims) renew(ctx context.Context, key types.NamespacedName, e *entry) (standing, error) {
	e.busy.Lock()
	defer e.busy.Unlock()
	v, err := cs.look(ctx, key, &e.claim)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	failed := e.failing
	e.tried, e.failing = cs.now(), err != nil
	if err == nil {
		e.standing, e.known = v, true
		return v, nil
	}
	if !failed {
		ctrl.LoggerFrom(ctx).Info("The claim of a cluster is not renewed", "cluster", key, "error", err.Error())
	}
	if e.known || cs.now().Sub(e.claim.began) >= claimLasts {
		e.known = true
		return e.standing, nil
	}
	return standing{}, err
}

// newlyTold says that an Event about the other installation is due.
func (cs *claims) newlyTold(c *v1alpha1.SIPCluster, of string) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	e := cs.of[client.ObjectKeyFromObject(c)]
	if e == nil || e.told == of {
		return false
	}
	e.told = of
	return true
}

func (cs *claims) forget(key types.NamespacedName) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.of, key)
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: who does not lead
// carries nothing out.
func (cs *claims) NeedLeaderElection() bool { return true }

// Start renews all claims until ctx ends.
func (cs *claims) Start(ctx context.Context) error {
	var running sync.WaitGroup
	for _, failing := range []bool{false, true} {
		running.Go(func() { cs.keep(ctx, failing) })
	}
	running.Wait()
	if cs.passing {
		cs.release()
	}
	return nil
}

// keep renews those that failed the last time, or those that did not, which are
// spread over half of the time so as not to be in the way of a failover.
func (cs *claims) keep(ctx context.Context, failing bool) {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			cs.mu.Lock()
			some := maps.Clone(cs.of)
			maps.DeleteFunc(some, func(_ types.NamespacedName, e *entry) bool { return e.failing != failing })
			cs.mu.Unlock()
			pause := claimEvery / 2 / time.Duration(max(len(some), 1))
			each(ctx, some, pause, func(key types.NamespacedName, e *entry) { cs.renewAndTell(ctx, key, e) })
		}
	}
}

// renewAndTell has the cluster looked at where it is another's now, or no longer.
func (cs *claims) renewAndTell(ctx context.Context, key types.NamespacedName, e *entry) {
	cs.mu.Lock()
	before := e.standing
	cs.mu.Unlock()
	if now, err := cs.renew(ctx, key, e); err != nil || now == before {
		return
	}
	about := &v1alpha1.SIPCluster{}
	about.Namespace, about.Name = key.Namespace, key.Name
	select {
	case cs.changed <- event.GenericEvent{Object: about}:
	case <-ctx.Done():
	}
}

// each does something for the claims, some at a time and with a pause between them.
func each(ctx context.Context, of map[types.NamespacedName]*entry, pause time.Duration, do func(types.NamespacedName, *entry)) {
	places := make(chan struct{}, claimsAtOnce)
	var running sync.WaitGroup
	for key, e := range of {
		places <- struct{}{}
		running.Go(func() {
			defer func() { <-places }()
			do(key, e)
		})
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	running.Wait()
}

// release lets go of what this process holds, or it runs out.
func (cs *claims) release() {
	ctx, cancel := context.WithTimeout(context.Background(), claimWait)
	defer cancel()
	cs.mu.Lock()
	all := maps.Clone(cs.of)
	cs.mu.Unlock()
	each(ctx, all, 0, func(key types.NamespacedName, e *entry) {
		e.busy.Lock()
		defer e.busy.Unlock()
		// Where it cannot be let go it lapses, as if this process had been killed.
		_ = retry.RetryOnConflict(retry.DefaultRetry, func() error { return cs.letGo(ctx, key) })
	})
}

func (cs *claims) letGo(ctx context.Context, key types.NamespacedName) error {
	l, err := found(ctx, cs.live, key.Namespace, desired.ClaimName(key.Name), &coordinationv1.Lease{})
	if err != nil || l == nil || heldByOther(l, cs.identity) {
		return err
	}
	l.Spec.HolderIdentity, l.Spec.RenewTime = nil, nil
	return cs.client.Update(ctx, l, client.FieldOwner(desired.FieldOwner))
}
