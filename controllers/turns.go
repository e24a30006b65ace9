package controllers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sipring/sipring/api/v1alpha1"
)

// Rolling says how a change that comes with a new operator reaches its SIPClusters.
type Rolling struct {
	// Clusters is how many have their pods replaced at once for it; 0: any number.
	Clusters int
	// Pause is how long after one is done until the next takes its place.
	Pause time.Duration
}

// turns gives the SIPClusters their turn. Whose turn it is stands in the StatefulSets;
// what is remembered here is what the cache does not show yet. It is safe for
// concurrent use.
type turns struct {
	limit Rolling

	mu      sync.Mutex
	written map[types.NamespacedName]writtenRollout
	taken   map[types.NamespacedName]bool // about to be written
	waiting map[types.NamespacedName]bool
	lapses  *lapses
}

// writtenRollout is what this process wrote last.
type writtenRollout struct {
	rollout
	resourceVersion string
}

func newTurns(limit Rolling) *turns {
	return &turns{
		limit: limit, written: map[types.NamespacedName]writtenRollout{},
		taken: map[types.NamespacedName]bool{}, waiting: map[types.NamespacedName]bool{}, lapses: newLapses(),
	}
}

// current is the rollout of the StatefulSet: as it says, or as this process wrote it
// since.
func (t *turns) current(set *appsv1.StatefulSet) rollout {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latest(set)
}

func (t *turns) latest(set *appsv1.StatefulSet) rollout {
	if set == nil {
		return rollout{}
	}
	mine, ok := t.written[client.ObjectKeyFromObject(set)]
	if !ok {
		return rolloutOf(set)
	}
	if age, err := resourceversion.CompareResourceVersion(set.ResourceVersion, mine.resourceVersion); err == nil && age <= 0 {
		return mine.rollout
	}
	return rolloutOf(set)
}

// wait is why a SIPCluster has to wait for its turn.
type wait struct {
	// rolling are those that have one, the oldest first.
	rolling []turn
	// until is when the first pause is over; zero where there is none.
	until time.Time
}

// turn is one that a SIPCluster has.
type turn struct {
	cluster types.NamespacedName
	since   time.Time
}

// take gives the SIPCluster a turn, if one is free, and keeps it until it is written
// or given back, or lapses. all are the StatefulSets of the operator, named like their
// SIPClusters. One whose pods are being replaced already goes on with its turn.
func (t *turns) take(key types.NamespacedName, all []appsv1.StatefulSet, now time.Time) *wait {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, key)
	w, occupied := &wait{}, 0
	for at := range t.taken {
		if !t.lapses.over(at, now) {
			occupied++
		}
	}
	for i := range all {
		at, o := client.ObjectKeyFromObject(&all[i]), t.latest(&all[i])
		if o.Cause != byOperator || t.taken[at] || !ofSIPCluster(&all[i]) {
			continue
		}
		end := o.Ended.Add(t.limit.Pause)
		switch {
		case o.underWay() && at == key:
			return t.give(key)
		case o.underWay() && t.lapses.over(at, now):
		case o.underWay():
			occupied++
			w.rolling = append(w.rolling, turn{at, o.Began})
		case now.Before(end):
			occupied++
			if w.until.IsZero() || end.Before(w.until) {
				w.until = end
			}
		}
	}
	if t.limit.Clusters == 0 || occupied < t.limit.Clusters && !t.stepsBack(key) {
		return t.give(key)
	}
	slices.SortFunc(w.rolling, func(a, b turn) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.cluster.String(), b.cluster.String()))
	})
	t.waiting[key] = true
	return w
}

func (t *turns) give(key types.NamespacedName) *wait {
	t.taken[key] = true
	delete(t.waiting, key)
	return nil
}

// ofSIPCluster says that the StatefulSet is not one that only looks like ours, or was
// left behind.
func ofSIPCluster(set *appsv1.StatefulSet) bool {
	by := metav1.GetControllerOf(set)
	return by != nil && by.Kind == v1alpha1.Kind && by.Name == set.Name
}

// wrote notes what was written, with the turn in it if there is one.
func (t *turns) wrote(key types.NamespacedName, o rollout, resourceVersion string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, key)
	t.lapses.keeps(key)
	t.written[key] = writtenRollout{o, resourceVersion}
}

// giveBack is for one that neither waits nor has written anything.
func (t *turns) giveBack(key types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.taken, key)
	delete(t.waiting, key)
}

func (t *turns) forget(key types.NamespacedName) {
	t.giveBack(key)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.written, key)
	t.lapses.forget(key)
}

// waiters are the SIPClusters that wait.
func (t *turns) waiters() []types.NamespacedName {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.waiting))
}

// waitersOf are the SIPClusters that wait for a turn: one of another has changed.
func (t *turns) waitersOf(context.Context, client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, key := range t.waiters() {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}
