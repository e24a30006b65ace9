package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
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
	// cause is what Kubernetes said of it last; empty where it is not known.
	cause string
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
	return shortage{since, s.refusal(ctx, seen, since)}
}

// refusal is what the StatefulSet's controller said last of a pod that it could
// not create: that is in no status, only in Events.
func (s *shortages) refusal(ctx context.Context, seen *observation, since time.Time) string {
	told := &corev1.EventList{}
	err := s.live.List(ctx, told, client.InNamespace(seen.cluster.Namespace), client.Limit(maxRefusals), client.MatchingFields{
		"involvedObject.uid": string(seen.statefulSet.UID), "reason": "FailedCreate",
	})
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("The Events of the StatefulSet cannot be read", "error", err.Error())
		return ""
	}
	last, cause := since.Add(-createRetry), ""
	for i := range told.Items {
		if at := told.Items[i].LastTimestamp.Time; at.After(last) {
			last, cause = at, told.Items[i].Message
		}
	}
	return cause
}

// shortageTrouble: pods have been missing for too long.
func shortageTrouble(seen *observation, now time.Time) *trouble {
	if seen.short.since.IsZero() || now.Sub(seen.short.since) < podsWithin {
		return nil
	}
	cause, refused := seen.short.cause, seen.short.cause != ""
	if !refused {
		cause = fmt.Sprintf("look at the events of StatefulSet %s", seen.statefulSet.Name)
	}
	return &trouble{v1alpha1.ReasonPodsNotCreated, fmt.Sprintf("only %d of %d pods exist: %s", len(seen.pods), desired.Replicas(seen.cluster), cause), refused}
}
