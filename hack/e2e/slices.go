//go:build linux

package main

import (
	"context"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// sliceLog notes when a pod's endpoint was no longer ready, as a watch of the
// Service's EndpointSlices tells. Its methods may be called concurrently.
type sliceLog struct {
	mu    sync.Mutex
	ready map[string]bool
	lost  map[string][]time.Time // when it left, of each pod
}

// watchSlices keeps a log until the run ends.
func watchSlices(ctx context.Context, k *kube) *sliceLog {
	l := &sliceLog{ready: map[string]bool{}, lost: map[string][]time.Time{}}
	note := func(object any) {
		if s, ok := object.(*discoveryv1.EndpointSlice); ok {
			l.note(s, time.Now())
		}
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewFilteredListWatchFromClient(k.cluster.Client().DiscoveryV1().RESTClient(), "endpointslices", namespace,
			func(o *metav1.ListOptions) { o.LabelSelector = discoveryv1.LabelServiceName + "=" + sipCluster }),
		ObjectType: &discoveryv1.EndpointSlice{},
		Handler:    cache.ResourceEventHandlerFuncs{AddFunc: note, UpdateFunc: func(_, now any) { note(now) }},
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	k.stage.later(func(context.Context) error { stop(); running.Wait(); return nil })
	return l
}

// note takes the whole of the one slice that the Service has.
func (l *sliceLog) note(s *discoveryv1.EndpointSlice, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := map[string]bool{}
	for _, endpoint := range s.Endpoints {
		if endpoint.TargetRef != nil && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
			now[endpoint.TargetRef.Name] = true
		}
	}
	for pod := range l.ready {
		if !now[pod] {
			l.lost[pod] = append(l.lost[pod], at)
		}
	}
	l.ready = now
}

// lostAfter tells how long after at the pod left, if it did.
func (l *sliceLog) lostAfter(pod string, at time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.lost[pod] {
		if t.After(at) {
			return t.Sub(at), true
		}
	}
	return 0, false
}
