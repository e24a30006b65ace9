package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

const (
	// podsWithin is how long pods may be missing before that is told as a trouble.
	podsWithin = 30 * time.Second
	// createRetry is how seldom the StatefulSet's controller tries again, at most:
	// what it said longer ago than this before pods were missed is not of today.
	createRetry = 20 * time.Minute
	// maxRefusals bounds the Events that are read to find the last.
	maxRefusals = 100
)

// shortage says that there are fewer pods than were asked for; zero: there are
// not.
type shortage struct {
	since time.Time
	// cause is what Kubernetes said of it last; empty where it said nothing. Then
	// look says what there is to look at.
	cause, look string
}

// shortages remembers since when each cluster has too few pods. A process that
// begins anew counts from its start.
type shortages struct {
	live client.Reader
	now  func() time.Time

	mu    sync.Mutex
	since map[types.NamespacedName]time.Time
}

func newShortages(live client.Reader, now func() time.Time) *shortages {
	return &shortages{live: live, now: now, since: map[types.NamespacedName]time.Time{}}
}

// note is since when the cluster is short of pods; zero where it is not.
func (s *shortages) note(key types.NamespacedName, short bool, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !short {
		delete(s.since, key)
		return time.Time{}
	}
	if _, ok := s.since[key]; !ok {
		s.since[key] = now
	}
	return s.since[key]
}

func (s *shortages) forget(key types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, key)
}

// find finds out whether pods are missing and, after a while, why.
func (s *shortages) find(ctx context.Context, seen *observation) shortage {
	c, now := seen.cluster, s.now()
	wanted := desired.Replicas(c)
	if c.Spec.Paused && seen.statefulSet != nil {
		wanted = min(wanted, podsAsked(seen.statefulSet)) // no more were asked for yet
	}
	short := seen.statefulSet != nil && int32(len(seen.pods)) < wanted
	since := s.note(client.ObjectKeyFromObject(c), short, now)
	if !short || now.Sub(since) < podsWithin {
		return shortage{since: since}
	}
	cause, err := s.refusal(ctx, seen, since)
	return shortage{since, cause, unexplained(seen.statefulSet, err)}
}

// refusal is what the StatefulSet's controller said last of a pod that it could
// not create: that is in no status, only in Events.
func (s *shortages) refusal(ctx context.Context, seen *observation, since time.Time) (string, error) {
	told := &corev1.EventList{}
	err := s.live.List(ctx, told, client.InNamespace(seen.cluster.Namespace), client.Limit(maxRefusals), client.MatchingFields{
		"involvedObject.uid": string(seen.statefulSet.UID), "reason": "FailedCreate",
	})
	if err != nil {
		return "", err
	}
	last, cause := since.Add(-createRetry), ""
	for i := range told.Items {
		if at := toldAt(&told.Items[i]); at.After(last) {
			last, cause = at, told.Items[i].Message
		}
	}
	return cause, nil
}

// toldAt is when the Event happened last, in whichever of the two APIs it was written.
func toldAt(e *corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	if e.EventTime.After(last) {
		last = e.EventTime.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}

// unexplained says where to look for why pods are missing, of what there is, if no
// Event says so, or none can be read.
func unexplained(set *appsv1.StatefulSet, unread error) string {
	name := "StatefulSet " + set.Name
	switch {
	case unread != nil:
		return fmt.Sprintf("the Events of %s, which say why, cannot be read by the operator (%v): kubectl describe statefulset %s", name, unread, set.Name)
	case set.Status.ObservedGeneration < set.Generation:
		return fmt.Sprintf("Kubernetes has not taken up %s (its generation is %d, and %d was seen): look whether kube-controller-manager runs, and at its log",
			name, set.Generation, set.Status.ObservedGeneration)
	}
	return fmt.Sprintf("no Event says why, and %s, as Kubernetes saw it last, has %d: look at the log of kube-controller-manager", name, set.Status.Replicas)
}

// shortageTrouble: pods have been missing for too long.
func shortageTrouble(seen *observation, now time.Time) *trouble {
	if seen.short.since.IsZero() || now.Sub(seen.short.since) < podsWithin {
		return nil
	}
	cause, refused := seen.short.cause, seen.short.cause != ""
	if !refused {
		cause = seen.short.look
	}
	return &trouble{reason: v1alpha1.ReasonPodsNotCreated, message: fmt.Sprintf("only %d of %d pods exist: %s", len(seen.pods), desired.Replicas(seen.cluster), cause), stalls: refused}
}
